"""The simulator: whether a call would be allowed, and which rule decides. It agrees with the real answer."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.api_keys import queries, services
from app.api_keys.models import ApiKey
from app.api_keys.simulation import Outcome, Verdict, build_call, simulate
from app.extensions import db
from app.lib import clock
from app.lib.errors import Invalid
from app.web.permissions import FULL
from tests.page import Page
from tests.people import People

NOW = clock.now()


def make(people: People, **values: Any) -> str:
    """Create a key whose row has these values, past the validation of the services, and return its id."""
    scopes = values.pop("scopes", ["events:read"])
    created = services.create_key(people.acme.id, "orders", scopes=scopes, granted_by=frozenset({FULL}))
    key = db.session.get_one(ApiKey, created.id)
    key.created_at = NOW - timedelta(days=100)
    for name, value in values.items():
        setattr(key, name, value)
    db.session.commit()
    return created.id


def check_call(
    people: People,
    key_id: str,
    method: str = "GET",
    path: str = "/api/v1/events",
    address: str = "203.0.113.7",
    at: datetime | None = None,
) -> Verdict:
    key = queries.get_key(people.acme.id, key_id)
    call = build_call(method=method, path=path, address=address, at=at)
    return simulate(people.acme.id, key, call)


CASES: list[tuple[dict[str, Any], dict[str, Any], str | None, int | None, str]] = [
    ({}, {}, None, None, ""),
    ({"scopes": [FULL]}, {"method": "DELETE", "path": "/api/v1/webhooks/wh_x"}, None, None, ""),
    ({}, {"method": "post"}, "scope", 403, "It needs events:write (emit events and retry deliveries)"),
    ({}, {"path": "/api/v1/webhooks"}, "scope", 403, "webhooks:read"),
    ({"scopes": ["webhooks:read"]}, {"path": "/api/v1/webhooks/wh_x"}, None, None, ""),
    ({}, {"path": "/api/v1/nothing"}, "route", 404, "There is nothing at /api/v1/nothing."),
    ({}, {"method": "PUT"}, "route", 405, "does not take PUT, only GET, POST."),
    ({}, {"path": "https://signalbox.example.com/api/v1/events?limit=5"}, None, None, ""),
    ({"revoked_at": NOW}, {}, "key", 401, "The key was revoked on"),
    ({"expires_at": NOW - timedelta(days=1)}, {}, "key", 401, "The key expired on"),
    ({"expires_at": NOW + timedelta(days=5)}, {}, None, None, ""),
    (
        {"expires_at": NOW + timedelta(days=5)},
        {"at": NOW + timedelta(days=6)},
        "key",
        401,
        "The key expires on",
    ),
    ({"expires_at": NOW - timedelta(days=1)}, {"at": NOW - timedelta(days=2)}, None, None, ""),
    ({"revoked_at": NOW}, {"at": NOW - timedelta(days=2)}, None, None, ""),
    ({}, {"at": NOW - timedelta(days=200)}, "key", 401, "The key did not exist then."),
    ({"networks": ["203.0.113.0/24"]}, {}, None, None, ""),
    (
        {"networks": ["198.51.100.0/24"]},
        {},
        "network",
        403,
        "203.0.113.7 is in none of the key's networks: 198.51.100.0/24.",
    ),
    ({"networks": ["2001:db8::/32"]}, {"address": "2001:db8::7"}, None, None, ""),
    ({"networks": ["203.0.113.0/24"]}, {"address": "::ffff:203.0.113.9"}, None, None, ""),
    ({"networks": ["203.0.113.0/24"]}, {"address": ""}, "network", 403, "An unknown address"),
    (
        {"networks": ["198.51.100.0/24"], "revoked_at": NOW},
        {"method": "POST"},
        "key",
        401,
        "The key was revoked on",
    ),
    ({"revoked_at": NOW}, {"path": "/api/v1/openapi.json"}, None, None, ""),
]


@pytest.mark.parametrize(("values", "call", "rule", "status", "reason"), CASES)
def test_rule_that_decides(
    app: Flask,
    people: People,
    values: dict[str, Any],
    call: dict[str, Any],
    rule: str | None,
    status: int | None,
    reason: str,
) -> None:
    with app.app_context():
        verdict = check_call(people, make(people, **values), **call)

    decided = verdict.decided_by
    assert (decided and decided.rule, decided and decided.status) == (rule, status)
    assert verdict.is_allowed is (rule is None)
    assert reason in (decided.reason if decided else "")
    assert [one.rule for one in verdict.checks] == ["route", "key", "network", "limits", "scope"]


def test_every_rule_is_checked_even_after_the_one_that_decides(app: Flask, people: People) -> None:
    with app.app_context():
        key_id = make(people, revoked_at=NOW, networks=["198.51.100.0/24"])
        verdict = check_call(people, key_id, "POST")

    outcomes = {one.rule: one.outcome for one in verdict.checks}
    assert outcomes == {
        "route": Outcome.PASSED,
        "key": Outcome.FAILED,
        "network": Outcome.FAILED,
        "limits": Outcome.PASSED,
        "scope": Outcome.FAILED,
    }


def test_what_is_public_needs_no_key(app: Flask, people: People) -> None:
    with app.app_context():
        verdict = check_call(people, make(people, revoked_at=NOW), path="/api/v1/openapi.json")

    assert {one.outcome for one in verdict.checks[1:]} == {Outcome.NOT_NEEDED}


def test_used_up_limits_decide_and_are_not_used(app: Flask, people: People) -> None:
    with app.app_context():
        created = services.create_key(
            people.acme.id, "orders", scopes=["events:read"], granted_by=frozenset({FULL}), per_hour=2
        )
        client = app.test_client()

        def ask() -> int:
            return client.get(
                "/api/v1/events", headers={"Authorization": f"Bearer {created.token}"}
            ).status_code

        assert ask() == 200
        for _ in range(5):
            assert check_call(people, created.id).is_allowed
        assert "1 of 2 for this key per hour" in check_call(people, created.id).checks[3].reason
        assert ask() == 200

        verdict = check_call(people, created.id)
        assert verdict.decided_by is not None
        assert (verdict.decided_by.rule, verdict.decided_by.status) == ("limits", 429)
        assert verdict.decided_by.reason == "Nothing is left for 0 of 2 for this key per hour."
        assert ask() == 429
        later = check_call(people, created.id, at=clock.now() + timedelta(hours=2))
        assert later.is_allowed
        assert later.checks[3].outcome is Outcome.UNKNOWN
        earlier = check_call(people, created.id, at=clock.now() - timedelta(seconds=1))
        assert earlier.checks[3].outcome is Outcome.UNKNOWN or not earlier.is_allowed


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ({"method": "STEAL"}, "method"),
        ({"path": "events"}, "path"),
        ({"path": ""}, "path"),
        ({"path": "http://[broken/api"}, "path"),
        ({"path": "/t/acme/api-keys/"}, "path"),
        ({"path": "/api/docs"}, "path"),
        ({"path": "/" + "x" * 3000}, "path"),
        ({"path": "/api/v1/\x00"}, "path"),
        ({"address": "here"}, "address"),
        ({"address": "203.0.113.0/24"}, "address"),
    ],
)
def test_what_is_no_call_is_refused(call: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        build_call(**{"method": "GET", "path": "/api/v1/events", "address": "", "at": None, **call})  # type: ignore[arg-type]

    assert [error.field for error in refused.value.errors] == [field]


def test_page_explains_in_words(app: Flask, people: People, page: Page) -> None:
    with app.app_context():
        key_id = make(people, networks=["198.51.100.0/24"])
    path = f"/t/acme/api-keys/{key_id}/simulate"
    empty = page.get(path, people.bob)
    assert empty.by_id("address").get("value") == "127.0.0.1", "from here"
    assert not empty.has_text("Rules, in the order of a call")

    refused = page.get(f"{path}?method=POST&path=/api/v1/events&address=203.0.113.7&at=", people.bob)
    allowed = page.fragment(
        f"{path}?method=GET&path=/api/v1/events&address=198.51.100.7", "simulation", people.bob
    )

    assert refused.has_text("Refused with status 403")
    assert refused.has_text("Network: 203.0.113.7 is in none of the key's networks: 198.51.100.0/24.")
    assert refused.has_text("Network Refuses decides")
    assert refused.has_text("Scope Refuses It needs events:write")
    assert allowed.has_text("No rule refuses this call.")
    wrong = page.get(f"{path}?method=GET&path=x&address=y&at=soon", people.bob, status=422)
    assert wrong.error_of("at")
    wrong = page.get(f"{path}?method=GET&path=x&address=y", people.bob, status=422)
    assert wrong.error_of("path")
    assert wrong.error_of("address")
