"""API keys over the API: what it takes, who may grant what, and that secrets are shown once."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import func, select, update

from app.api_keys.models import ApiKey
from app.api_keys.tokens import _checksum, kid_of, new_token
from app.api_keys.usage.services import flush_usage
from app.audit.models import AuditEntry
from app.db.session import reading
from app.events.models import Event
from app.extensions import QUICK_REDIS, db
from app.lib import clock
from app.web.limits import counters
from tests import slots
from tests.api_client import Api, messages
from tests.people import People

NEW: dict[str, Any] = {"name": "Shop", "scopes": ["events:write", "events:read"]}


def new_key(api: Api, **fields: Any) -> dict[str, Any]:
    """Create a key and return the answer."""
    answer = api("POST", "/keys", {**NEW, **fields})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return dict(answer.get_json())


def call(app: Flask, token: str, method: str = "GET", path: str = "/events", **options: Any) -> Any:
    headers = {"X-API-Key": token}
    return app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **options)


@pytest.fixture
def limited(people: People) -> Api:
    """Return a client whose key manages keys and can do little else."""
    return Api(people.app, people.acme.id, people.alice.id, ["keys:manage", "events:read"])


@pytest.fixture
def redis_away(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Point the app at a port without Redis."""
    nowhere = Redis.from_url(f"unix://{tmp_path}/none.sock", retry=Retry(NoBackoff(), 0))
    slots.put(monkeypatch, app, QUICK_REDIS, nowhere)
    yield
    with app.app_context():
        counters()._away_until_s = 0.0


class TestCreating:
    def test_key_is_in_the_first_answer_and_in_no_other(self, app: Flask, api: Api) -> None:
        created = new_key(api, networks=["127.0.0.1"], per_hour=50)

        token = created["key"]
        assert created["masked_key"] == f"sb_live_{kid_of(token)}_…"
        assert created["networks"] == ["127.0.0.1/32"]
        assert (created["per_hour"], created["per_day"], created["expires_at"]) == (50, 10_000, None)
        assert call(app, token).status_code == 200
        secret = token.split("_")[3]
        for path in (f"/keys/{created['id']}", "/keys", "/audit-entries"):
            assert secret not in api("GET", path).get_data(as_text=True)
        with app.app_context():
            assert db.session.get_one(ApiKey, created["id"]).created_by_id is None
            entry = db.session.scalars(select(AuditEntry).where(AuditEntry.object_id == created["id"])).one()
            assert (entry.action, entry.actor_kind) == ("api_key.created", "api_key")
            assert secret not in str(entry.changes)

    def test_expiry_is_a_moment_a_day_or_a_number_of_days(self, api: Api) -> None:
        day = (clock.now() + timedelta(days=20)).date()

        in_days = new_key(api, expires_in_days=30)["expires_at"]
        assert abs(datetime.fromisoformat(in_days) - clock.now() - timedelta(days=30)) < timedelta(minutes=1)
        assert new_key(api, expires_at=day.isoformat())["expires_at"].startswith(f"{day}T23:59:59")
        moment = new_key(api, expires_at=f"{day}T12:00:00+02:00")["expires_at"]
        assert datetime.fromisoformat(moment) == datetime.fromisoformat(f"{day}T10:00:00Z")

    @pytest.mark.parametrize(
        ("fields", "field", "message"),
        [
            ({"name": ""}, "name", "1 to 100"),
            ({"name": "x" * 101}, "name", "1 to 100"),
            ({"name": "a\x00b"}, "name", "name"),
            ({"scopes": []}, "scopes", "at least one"),
            ({"scopes": ["events:eat"]}, "scopes", "events:eat"),
            ({"networks": ["203.0.113.7/24"]}, "networks", "203.0.113.0/24"),
            ({"networks": ["everywhere"]}, "networks", "everywhere"),
            ({"networks": [f"10.0.{n}.0/24" for n in range(51)]}, "networks", "50"),
            ({"per_hour": 0}, "per_hour", "1"),
            ({"per_day": 100_000_001}, "per_day", "100000000"),
            ({"expires_at": "2020-01-01"}, "expires_at", "past"),
            ({"expires_at": "2999-01-01"}, "expires_at", "365"),
            ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at", "365"),
            ({"expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at", "past"),
            ({"expires_at": "2026-02-30"}, "expires_at", "date"),
            ({"expires_in_days": 366}, "expires_in_days", "365"),
            ({"expires_in_days": 3, "expires_at": "2999-01-01"}, "expires_in_days", "not both"),
            ({"scope": ["events:read"]}, "", "scopes"),
        ],
    )
    def test_wrong_field_is_named(self, api: Api, fields: dict[str, Any], field: str, message: str) -> None:
        answer = api("POST", "/keys", {**NEW, **fields})

        assert answer.status_code == 422
        assert message in "".join(text for name, text in messages(answer).items() if name.startswith(field))

    def test_nobody_grants_what_they_lack(self, app: Flask, limited: Api) -> None:
        answer = limited("POST", "/keys", {"name": "x", "scopes": ["events:read", "admin:full"]})

        assert answer.status_code == 422
        assert "admin:full" in messages(answer)["scopes"]
        assert limited("POST", "/keys", {"name": "x", "scopes": ["events:read"]}).status_code == 201
        with app.app_context():
            assert db.session.scalar(select(func.count()).select_from(ApiKey)) == 2

    def test_repeated_creation_makes_one_key(self, app: Flask, api: Api) -> None:
        options = {"headers": {"Idempotency-Key": "once"}}

        first, second = (api("POST", "/keys", NEW, **options) for _ in range(2))

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.get_json()["id"] == second.get_json()["id"]
        assert second.headers["Idempotency-Replayed"] == "true"
        with app.app_context():
            assert db.session.scalar(select(func.count()).where(ApiKey.name == "Shop")) == 1

    def test_eleventh_creation_within_a_quarter_of_an_hour_is_refused(self, api: Api) -> None:
        assert [api("POST", "/keys", NEW).status_code for _ in range(11)] == [201] * 10 + [429]

        assert api("GET", "/keys").status_code == 200

    def test_only_keys_that_may_manage_keys_come_in(self, people: People) -> None:
        reader = Api(people.app, people.acme.id, people.alice.id, ["events:read"])

        assert reader("POST", "/keys", NEW).status_code == 403
        assert reader("GET", "/keys").status_code == 403


class TestTestKeys:
    def test_what_a_test_key_emits_is_a_test(self, app: Flask, api: Api) -> None:
        event = {"type": "post.published", "data": {"n": 1}}
        for is_test in (True, False):
            created = new_key(api, is_test=is_test)
            assert created["key"].startswith("sb_test_" if is_test else "sb_live_")
            assert call(app, created["key"], "POST", "/events", json=event).status_code == 202
            batch = {"events": [event, event]}
            assert call(app, created["key"], "POST", "/events/batch", json=batch).status_code == 202

        with app.app_context():
            stored = db.session.scalars(select(Event.is_test).order_by(Event.id)).all()
        assert sorted(stored) == [False] * 3 + [True] * 3


class TestListing:
    def test_pages_go_from_new_to_old_and_end(self, api: Api) -> None:
        ids = [new_key(api, name=f"k{n}")["id"] for n in range(3)]

        first = api("GET", "/keys?limit=2").get_json()
        second = api("GET", f"/keys?limit=2&cursor={first['next_cursor']}").get_json()

        assert [key["id"] for key in first["data"]] == [ids[2], ids[1]]
        assert second["data"][0]["id"] == ids[0]
        assert second["next_cursor"] is None

    def test_filters_narrow_the_list(self, app: Flask, api: Api, other_api: Api) -> None:
        plain = new_key(api, name="Plain")
        test = new_key(api, name="100% test", is_test=True)
        soon = new_key(api, name="Soon", expires_in_days=3)
        expired = new_key(api, name="Expired", expires_in_days=3)
        revoked = new_key(api, name="Revoked")
        new_key(other_api, name="Other")
        api("DELETE", f"/keys/{revoked['id']}")
        api("POST", f"/keys/{plain['id']}/regenerate", {"grace_s": 60})
        with app.app_context():
            db.session.execute(
                update(ApiKey).where(ApiKey.id == expired["id"]).values(expires_at=clock.now())
            )
            db.session.commit()

        def listed(query: str) -> set[str]:
            return {key["name"] for key in api("GET", f"/keys?{query}").get_json()["data"]} - {"tests"}

        assert listed("") == {"Plain", "100% test", "Soon", "Expired", "Revoked"}
        assert listed("state=active") == {"Plain", "100% test", "Soon"}
        assert listed("state=expiring") == {"Soon"}
        assert listed("state=grace") == {"Plain"}
        assert listed("state=expired") == {"Expired"}
        assert listed("state=revoked") == {"Revoked"}
        assert listed("is_test=true") == {"100% test"}
        assert listed("q=0%25 T") == {"100% test"}
        assert listed(f"q={soon['masked_key']}") == {"Soon"}
        assert listed(f"q={test['key']}") == {"100% test"}
        assert listed("q=%25%25") == set()
        assert api("GET", "/keys?state=lost").status_code == 422
        assert api("GET", "/keys?stat=active").status_code == 422

    def test_keys_of_other_teams_are_not_there(self, api: Api, other_api: Api) -> None:
        path = f"/keys/{new_key(other_api)['id']}"

        for method, suffix, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "Mine"}),
            ("DELETE", "", None),
            ("POST", "/regenerate", {}),
            ("POST", "/end-grace", None),
            ("GET", "/callers", None),
            ("GET", "/usage", None),
            ("POST", "/simulate", {"method": "GET", "path": "/api/v1/events"}),
        ):
            assert api(method, path + suffix, body).status_code == 404, (method, suffix)


class TestChanging:
    def test_only_what_is_given_changes(self, api: Api) -> None:
        created = new_key(api, expires_in_days=30, networks=["10.0.0.0/8"])
        path = f"/keys/{created['id']}"

        changed = api("PATCH", path, {"name": "Renamed", "scopes": None}).get_json()
        assert changed["is_known_everywhere"] is True
        assert changed["name"] == "Renamed"
        for field in ("scopes", "networks", "per_hour", "per_day", "expires_at", "masked_key"):
            assert changed[field] == created[field]
        assert api("PATCH", path, {"expires_at": None}).get_json()["expires_at"] is None
        assert api("PATCH", path, {"networks": []}).get_json()["networks"] == []
        assert api("PATCH", path, {}).status_code == 200
        assert messages(api("PATCH", path, {"is_test": True}))
        assert "per_hour" in messages(api("PATCH", path, {"per_hour": -1}))

    def test_change_counts_from_the_next_call_on(self, app: Flask, api: Api) -> None:
        created = new_key(api)
        assert call(app, created["key"]).status_code == 200

        for change, status in (
            ({"networks": ["192.0.2.0/24"]}, 403),
            ({"networks": []}, 200),
            ({"scopes": ["events:write"]}, 403),
            ({"scopes": ["events:read"], "per_hour": 1}, 429),
        ):
            assert api("PATCH", f"/keys/{created['id']}", change).status_code == 200
            assert call(app, created["key"]).status_code == status, change

    def test_new_scopes_are_the_callers(self, api: Api, limited: Api) -> None:
        path = f"/keys/{new_key(api, scopes=['events:read'])['id']}"

        refused = limited("PATCH", path, {"scopes": ["events:read", "audit:read"]})
        assert "audit:read" in messages(refused)["scopes"]
        assert limited("PATCH", path, {"scopes": ["events:read", "keys:manage"]}).status_code == 200

    def test_revoked_key_stays_as_it_was(self, app: Flask, api: Api) -> None:
        created = new_key(api)
        path = f"/keys/{created['id']}"
        assert call(app, created["key"]).status_code == 200

        for _ in range(2):
            answer = api("DELETE", path)
            assert (answer.status_code, answer.data) == (204, b"")
        assert call(app, created["key"]).status_code == 401
        assert api("PATCH", path, {"name": "x"}).status_code == 409
        assert api("POST", f"{path}/regenerate", {}).status_code == 409
        assert api("GET", path).get_json()["state"] == "revoked"

    @pytest.mark.usefixtures("redis_away")
    def test_change_that_redis_did_not_take_says_so(self, api: Api) -> None:
        created = new_key(api)
        path = f"/keys/{created['id']}"

        assert api("PATCH", path, {"name": "x"}).get_json()["is_known_everywhere"] is False
        assert api("POST", f"{path}/regenerate", {}).get_json()["is_known_everywhere"] is False
        answer = api("DELETE", path)
        assert answer.status_code == 202
        assert "5 minutes" in answer.get_json()["detail"]


class TestRegenerating:
    def test_old_key_works_for_its_grace_and_its_callers_are_listed(self, app: Flask, api: Api) -> None:
        created = new_key(api)
        path = f"/keys/{created['id']}"

        made = api("POST", f"{path}/regenerate", {"grace_s": 3600}).get_json()
        assert made["id"] == created["id"]
        assert made["key"] != created["key"]
        assert made["grace_ends_at"] is not None
        for token, agent in ((created["key"], "old/1"), (created["key"], "old/1"), (made["key"], "new/1")):
            assert call(app, token, environ_base={"HTTP_USER_AGENT": agent}).status_code == 200
        with app.app_context():
            flush_usage()
        (caller,) = api("GET", f"{path}/callers").get_json()["data"]
        assert (caller["user_agent"], caller["address"], caller["used_count"]) == ("old/1", "127.0.0.1", 2)

        ended = api("POST", f"{path}/end-grace").get_json()
        assert (ended["grace_ends_at"], ended["is_known_everywhere"]) == (None, True)
        assert [call(app, one["key"]).status_code for one in (created, made)] == [401, 200]
        assert api("POST", f"{path}/end-grace").status_code == 200

    def test_nobody_gets_a_secret_for_scopes_they_lack(self, app: Flask, api: Api, limited: Api) -> None:
        created = new_key(api, scopes=["admin:full"])

        assert limited("POST", f"/keys/{created['id']}/regenerate", {}).status_code == 403
        assert call(app, created["key"]).status_code == 200

    def test_grace_has_bounds(self, api: Api) -> None:
        path = f"/keys/{new_key(api)['id']}/regenerate"

        for grace_s in (-1, 30 * 86_400 + 1, "long"):
            assert "grace_s" in messages(api("POST", path, {"grace_s": grace_s}))

    def test_use_is_returned_by_hours(self, app: Flask, api: Api) -> None:
        created = new_key(api, per_hour=3)
        for _ in range(4):
            call(app, created["key"])
        with app.app_context():
            flush_usage()

        hours = api("GET", f"/keys/{created['id']}/usage").get_json()["data"]
        assert len(hours) == 7 * 24
        assert (hours[-1]["used"], hours[-1]["refused"]) == (3, 1)
        assert [hour["hour"] for hour in hours] == sorted(hour["hour"] for hour in hours)
        assert len(api("GET", f"/keys/{created['id']}/usage?days=1").get_json()["data"]) == 24
        shown = api("GET", f"/keys/{created['id']}").get_json()
        assert (shown["used_count"], shown["used_last_24_hours"]) == (3, 3)


class TestVerifying:
    def test_says_what_a_key_of_the_team_may_do(self, app: Flask, api: Api) -> None:
        created = new_key(api, networks=["203.0.113.0/24"], scopes=["tickets:read"], expires_in_days=9)

        def verified(**asked: str) -> dict[str, Any]:
            answer = api("POST", "/keys/verify", {"key": created["key"], **asked})
            assert answer.status_code == 200
            return dict(answer.get_json())

        good = verified(scope="tickets:read", address="203.0.113.7")
        assert good == {
            "valid": True,
            "reason": "valid",
            "key_id": created["id"],
            "name": "Shop",
            "scopes": ["tickets:read"],
            "is_test": False,
            "expires_at": good["expires_at"],
        }
        assert datetime.fromisoformat(good["expires_at"]) == datetime.fromisoformat(created["expires_at"])
        assert verified()["valid"] is True
        for asked, reason in (({"scope": "tickets:write"}, "scope"), ({"address": "192.0.2.1"}, "network")):
            answer = verified(**asked)
            assert (answer["valid"], answer["reason"], answer["name"]) == (False, reason, "Shop")
        with app.app_context():
            flush_usage()
            with reading(), db.engine.connect() as connection:
                used = connection.scalar(select(ApiKey.used_count).where(ApiKey.id == created["id"]))
        assert used == 0

    def test_reason_of_an_ended_key_is_given_only_for_the_whole_key(self, app: Flask, api: Api) -> None:
        revoked, expired, replaced = (new_key(api, expires_in_days=3) for _ in range(3))
        api("DELETE", f"/keys/{revoked['id']}")
        api("POST", f"/keys/{replaced['id']}/regenerate", {"grace_s": 0})
        with app.app_context():
            db.session.execute(
                update(ApiKey).where(ApiKey.id == expired["id"]).values(expires_at=clock.now())
            )
            db.session.commit()

        for created, reason in ((revoked, "revoked"), (expired, "expired"), (replaced, "replaced")):
            answer = api("POST", "/keys/verify", {"key": created["key"]})
            assert answer.status_code == 200
            assert (answer.get_json()["valid"], answer.get_json()["reason"]) == (False, reason)
            assert answer.get_json()["key_id"] == created["id"]
            assert_unknown(api, [with_other_secret(created["key"])])

    def test_keys_of_others_and_no_keys_are_unknown(self, api: Api, other_api: Api) -> None:
        theirs, theirs_revoked = new_key(other_api), new_key(other_api)
        other_api("DELETE", f"/keys/{theirs_revoked['id']}")

        assert_unknown(
            api, [theirs["key"], theirs_revoked["key"], new_token().token, "", "x", "é", "sb_live_"]
        )

    def test_any_key_of_the_team_may_ask(self, people: People, api: Api) -> None:
        service = Api(people.app, people.acme.id, people.alice.id, ["tickets:read"])

        assert service("POST", "/keys/verify", {"key": new_key(api)["key"]}).get_json()["valid"] is True

    def test_misspelt_questions_are_refused(self, api: Api) -> None:
        key = new_token().token

        assert (
            "tickets:read"
            in messages(api("POST", "/keys/verify", {"key": key, "scope": "ticket:read"}))["scope"]
        )
        assert (
            "IP address" in messages(api("POST", "/keys/verify", {"key": key, "address": "here"}))["address"]
        )
        assert "key" in messages(api("POST", "/keys/verify", {"scope": "tickets:read"}))


def assert_unknown(api: Api, tokens: Sequence[str]) -> None:
    nothing = dict.fromkeys(("key_id", "name", "scopes", "is_test", "expires_at"))
    for token in tokens:
        answer = api("POST", "/keys/verify", {"key": token})
        assert answer.status_code == 200
        assert answer.get_json() == {"valid": False, "reason": "unknown", **nothing}


def with_other_secret(token: str) -> str:
    """Return a well-formed key with the same public part and another secret."""
    body = "_".join([*token.split("_")[:3], new_token().token.split("_")[3]])
    return f"{body}_{_checksum(body)}"


class TestSimulating:
    def test_says_what_decides(self, api: Api) -> None:
        path = f"/keys/{new_key(api, networks=['203.0.113.0/24'])['id']}/simulate"

        allowed = api("POST", path, {"method": "get", "path": "/api/v1/events", "address": "203.0.113.7"})
        assert allowed.status_code == 200
        said = allowed.get_json()
        assert (said["is_allowed"], said["decided_by"], said["status"]) == (True, None, None)
        assert [one["rule"] for one in said["checks"]] == ["route", "key", "network", "limits", "scope"]
        from_here = api("POST", path, {"method": "GET", "path": "/api/v1/events"}).get_json()
        assert (from_here["decided_by"], from_here["status"]) == ("network", 403)
        assert any("127.0.0.1" in one["reason"] for one in from_here["checks"])
        for at, rule in (("0001-01-01T00:00:00+14:00", "key"), ("9999-12-31T23:59:59-14:00", None)):
            asked = {"method": "GET", "path": "/api/v1/events", "address": "203.0.113.7", "at": at}
            assert api("POST", path, asked).get_json()["decided_by"] == rule
        later = (clock.now() + timedelta(days=2)).isoformat()
        asked = {"method": "POST", "path": "/api/v1/keys", "address": "203.0.113.7", "at": later}
        assert api("POST", path, asked).get_json()["decided_by"] == "scope"

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"method": "FETCH"}, "method"),
            ({"path": "api/v1/events"}, "path"),
            ({"path": "/t/acme/webhooks"}, "path"),
            ({"path": "/api/docs"}, "path"),
            ({"path": "/api/v1/%0A/events"}, "path"),
            ({"path": "//[/api"}, "path"),
            ({"address": "here"}, "address"),
            ({"at": "soon"}, "at"),
        ],
    )
    def test_wrong_field_is_named(self, api: Api, fields: dict[str, str], field: str) -> None:
        path = f"/keys/{new_key(api)['id']}/simulate"

        answer = api("POST", path, {"method": "GET", "path": "/api/v1/events", **fields})

        assert list(messages(answer)) == [field]
