"""Keys on pages: found, shown once, masked afterwards, revoked for good."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.api_keys import services
from app.api_keys.models import ApiKey, ApiKeyCaller, ApiKeyHour
from app.api_keys.tokens import kid_of, masked
from app.db.pages import PAGE_SIZE
from app.extensions import db
from app.lib import clock
from app.lib.errors import Invalid
from app.web.permissions import Role, permissions_of
from tests.page import Document, Page
from tests.people import People, Person

INDEX = "/t/acme/api-keys/"


FORM: dict[str, object] = {
    "name": "orders",
    "scopes": ["events:write"],
    "kind": "live",
    "expiry": "90",
    "per_hour": "1000",
    "per_day": "10000",
}


def create(page: Page, person: Person, **form: object) -> tuple[str, Document]:
    """Create a key through the form; return the path of its page and what it shows the first time."""
    answer = person.post(f"{INDEX}new", {**FORM, **form})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return str(answer.location), page.get(str(answer.location), person)


def test_new_key_is_shown_once_and_works(app: Flask, people: People, page: Page) -> None:
    path, first = create(page, people.bob)
    token = first.by_id("api-key").get("value", "")

    called = app.test_client().post(
        "/api/v1/events",
        json={"type": "post.published", "data": {"id": 1}},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert called.status_code == 202, called.get_data(as_text=True)
    assert token not in page.get(path, people.bob).html
    assert token not in page.get(INDEX, people.bob).html


def test_everywhere_else_it_is_masked(app: Flask, people: People, page: Page, costly_bcrypt: None) -> None:
    path, first = create(page, people.bob)
    token = first.by_id("api-key").get("value", "")
    secret = token.split("_")[3]
    with app.app_context():
        key = db.session.scalars(select(ApiKey)).one()

        assert secret not in str(vars(key))
        assert key.key_hash.startswith("$2b$10$")
        assert key.kid == kid_of(token)
    for shown in (page.get(path, people.bob), page.get(INDEX, people.bob)):
        assert f"sb_live_{key.kid}_…" in shown.html
        assert secret not in shown.html
        assert key.key_hash not in shown.html


def test_session_cookie_holds_no_secret(people: People, page: Page) -> None:
    answer = people.bob.post(f"{INDEX}new", FORM)
    with people.bob.visitor.client.session_transaction() as session:
        kept = str(dict(session))
    token = page.get(str(answer.location), people.bob).by_id("api-key").get("value", "")

    assert token.split("_")[3] not in kept
    assert "no-store" in people.bob.get(str(answer.location)).headers["Cache-Control"]


def test_revoking_asks_by_name_and_counts_at_once(app: Flask, people: People, page: Page) -> None:
    path, first = create(page, people.bob, name="orders <service>")
    token = first.by_id("api-key").get("value", "")
    headers = {"Authorization": f"Bearer {token}"}
    client = app.test_client()
    assert client.get("/api/v1/events", headers=headers).status_code == 403, "it lacks events:read"

    question = page.get(f"{path}/revoke", people.bob)
    assert question.has_text("Revoke API key orders <service>?")
    page.fragment(f"{path}/revoke", "revoke-key", people.bob)
    assert people.bob.post(f"{path}/revoke").location == INDEX

    refused = client.get("/api/v1/events", headers=headers)
    assert refused.status_code == 401
    assert "was revoked" in refused.get_json()["detail"]
    assert page.get(INDEX, people.bob).has_text("Revoked")
    assert people.bob.post(f"{path}/revoke").status_code == 303, "revoking twice changes nothing"


def test_form_offers_only_scopes_one_has(people: People, page: Page) -> None:
    as_admin = page.get(f"{INDEX}new", people.bob)
    as_owner = page.get(f"{INDEX}new", people.alice)

    for shown, is_offered in ((as_admin, False), (as_owner, True)):
        box = shown.one("input", name="scopes", value="admin:full")
        assert (box.get("disabled") is None) is is_offered
        assert shown.has_text("You cannot grant it: you lack it yourself.") is not is_offered
    assert people.bob.post(f"{INDEX}new", {**FORM, "scopes": ["admin:full"]}).status_code == 422


def test_nobody_grants_a_scope_they_lack(app: Flask, people: People) -> None:
    with app.app_context(), pytest.raises(Invalid) as refused:
        services.create_key(people.acme.id, "x", scopes=["admin:full"], granted_by=permissions_of(Role.ADMIN))

    assert "You cannot grant admin:full" in refused.value.errors[0].message


def test_empty_list_says_what_to_do(people: People, page: Page) -> None:
    empty = page.get(INDEX, people.bob)

    assert empty.has_text("A program needs a key to emit events")
    assert not empty.all("form", role="search"), "there is nothing to filter"


@pytest.fixture
def keys_by_name(app: Flask, people: People) -> dict[str, str]:
    """Return the ids of keys in all states, by name."""
    now = clock.now()
    changes: dict[str, dict[str, Any]] = {
        "fine": {"used_count": 12345, "last_used_at": now, "last_address": "203.0.113.7"},
        "eternal": {"expires_at": None},
        "soon": {"expires_at": now + timedelta(days=3, hours=1)},
        "tomorrow": {"expires_at": now + timedelta(days=1, hours=1)},
        "today": {"expires_at": now + timedelta(hours=2)},
        "over": {"expires_at": now - timedelta(days=1)},
        "graceful": {"previous_kid": "oldoldoldold", "previous_ends_at": now + timedelta(hours=5)},
        "gone": {"revoked_at": now},
        "trial": {"is_test": True},
    }
    with app.app_context():
        for index, (name, values) in enumerate(changes.items()):
            key = ApiKey(
                team_id=people.acme.id,
                name=name,
                kid=f"kid{index:09}",
                key_hash="x",
                scopes=["events:read", "events:write", "keys:manage"],
                **{"expires_at": now + timedelta(days=30), **values},
            )
            db.session.add(key)
            db.session.flush()
        db.session.commit()
        return {key.name: key.id for key in db.session.scalars(select(ApiKey))}


def names(shown: Document) -> set[str]:
    return {shown.text(link) for link in shown.all("a", class_="sb-row-link")}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=active", {"fine", "eternal", "soon", "tomorrow", "today", "graceful", "trial"}),
        ("state=expiring", {"soon", "tomorrow", "today"}),
        ("state=grace", {"graceful"}),
        ("state=expired", {"over"}),
        ("state=revoked", {"gone"}),
        ("kind=test", {"trial"}),
        ("kind=live&state=active&q=FIN", {"fine"}),
        ("q=sb_live_kid000000003_…", {"tomorrow"}),
        ("q=oldoldoldold", {"graceful"}),
        ("q=%25", set()),
    ],
)
def test_list_is_narrowed(
    people: People, page: Page, keys_by_name: dict[str, str], query: str, expected: set[str]
) -> None:
    shown = page.get(f"{INDEX}?{query}", people.bob)

    assert names(shown) == expected
    assert shown.all("form", role="search")
    assert names(page.fragment(f"{INDEX}?{query}", "key-list", people.bob)) == expected
    if not expected:
        assert shown.has_text("No API key matches")


def test_list_downloads_what_is_public_of_keys(
    app: Flask, people: People, page: Page, keys_by_name: dict[str, str]
) -> None:
    url, made = create(page, people.bob)
    token = made.by_id("api-key").get("value", "")
    with app.app_context():
        key_hash = db.session.get_one(ApiKey, url.rpartition("/")[2]).key_hash
        db.session.remove()

    text = people.bob.get(f"{INDEX}export.csv").get_data(as_text=True)

    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert set(rows) == {*keys_by_name, "orders"}
    assert rows["orders"]["key"] == masked(kid_of(token) or "", is_test=False)
    assert rows["fine"]["scopes"] == '["events:read", "events:write", "keys:manage"]'
    assert (rows["fine"]["uses"], rows["fine"]["last_address"]) == ("12345", "203.0.113.7")
    assert (rows["gone"]["state"], rows["eternal"]["expires_at"]) == ("revoked", "")
    for hidden in (token, token.rpartition("_")[2], key_hash, "$2b$"):
        assert hidden
        assert hidden not in text
    trial = people.bob.get(f"{INDEX}export.csv?kind=test").get_data(as_text=True)
    assert [row["name"] for row in csv.DictReader(io.StringIO(trial, newline=""))] == ["trial"]
    assert f"{INDEX}export.csv?kind=test" in page.get(f"{INDEX}?kind=test", people.bob).links()
    assert people.mel.get(f"{INDEX}export.csv").status_code == 403
    assert people.charlie.get(f"{INDEX}export.csv").status_code == 404


def test_list_says_state_use_and_what_comes(people: People, page: Page, keys_by_name: dict[str, str]) -> None:
    shown = page.get(INDEX, people.bob)
    rows = {shown.text(row).split()[0]: shown.text(row) for row in shown.all("tr")}

    assert "12,345" in rows["fine"]
    assert "203.0.113.7" in rows["fine"]
    assert "and 1 more" in rows["fine"]
    assert "never" in rows["eternal"]
    assert "Expires in 3 days" in rows["soon"]
    assert "Expires in 1 day" in rows["tomorrow"]
    assert "Expires today" in rows["today"]
    assert "Expired" in rows["over"]
    assert "Revoked" in rows["gone"]
    assert "old key ends" in rows["graceful"]
    assert "Test sb_test_" in rows["trial"]


def test_list_goes_on_behind_a_cursor(app: Flask, people: People, page: Page) -> None:
    with app.app_context():
        db.session.add_all(
            ApiKey(
                team_id=people.acme.id,
                name=f"key {n:02}",
                kid=f"kid{n:09}",
                key_hash="x",
                scopes=["events:read"],
            )
            for n in range(PAGE_SIZE + 3)
        )
        db.session.commit()
    first = page.get(f"{INDEX}?kind=live", people.bob)
    (older,) = (link.get("href", "") for link in first.all("a", rel="next"))

    second = page.get(older, people.bob)

    assert len(names(first)) == PAGE_SIZE
    assert len(names(second)) == 3
    assert not names(first) & names(second)
    assert "kind=live" in older
    assert second.has_text("Back to the newest")


def test_page_of_a_key_warns_and_shows_its_use(
    app: Flask, people: People, page: Page, keys_by_name: dict[str, str]
) -> None:
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    with app.app_context():
        db.session.add(
            ApiKeyHour(api_key_id=keys_by_name["soon"], team_id=people.acme.id, hour=hour, used=31, refused=4)
        )
        db.session.commit()
    path = f"{INDEX}{keys_by_name['soon']}"

    shown = page.get(path, people.bob)
    by_day = page.fragment(f"{path}?by=day", "key-usage", people.bob)

    assert shown.has_text("This key expires soon")
    chart = shown.one("table", data_chart="bars")
    assert len(list(chart.iter("tr"))) == 1 + 7 * 24
    values = [cell.get("data-value") for cell in chart.iter("td")][-2:]
    assert values == ["31", "4"]
    days = by_day.one("table", data_chart="bars")
    assert len(list(days.iter("tr"))) in (1 + 7, 1 + 8)
    assert sum(int(cell.get("data-value", "0")) for cell in days.iter("td")) == 35
    assert shown.has_text("This key, per hour 1,000 0 1,000 not in use")
    assert page.get(f"{INDEX}{keys_by_name['fine']}", people.bob).has_text(
        "None. A use shows here some seconds after it."
    )
    assert page.get(f"{INDEX}{keys_by_name['over']}", people.bob).has_text("This key has expired")
    assert page.get(f"{INDEX}{keys_by_name['gone']}", people.bob).has_text("This key is revoked")


def test_limits_show_what_is_used(app: Flask, people: People, page: Page) -> None:
    path, first = create(page, people.bob, per_hour="2", per_day="1")
    token = first.by_id("api-key").get("value", "")
    app.test_client().get("/api/v1/events", headers={"Authorization": f"Bearer {token}"})

    shown = page.get(path, people.bob)

    assert shown.has_text("This key, per hour 2 1 1")
    assert shown.has_text("This key, per day 1 1 none")
    assert shown.has_text("The limit per day is lower than the one per hour")


def test_callers_on_the_old_key_are_shown(
    app: Flask, people: People, page: Page, keys_by_name: dict[str, str]
) -> None:
    path = f"{INDEX}{keys_by_name['graceful']}"
    assert page.get(path, people.bob).has_text("No program has used it since the new key was made.")
    with app.app_context():
        for kid, program in (("oldoldoldold", "orders/2.4"), ("muchmuchmuch", "older still")):
            db.session.add(
                ApiKeyCaller(
                    kid=kid,
                    fingerprint="x",
                    api_key_id=keys_by_name["graceful"],
                    address="198.51.100.9",
                    user_agent=program,
                    used_count=17,
                    first_seen_at=clock.now(),
                    last_seen_at=clock.now(),
                )
            )
        db.session.commit()

    shown = page.get(path, people.bob)

    assert shown.has_text("198.51.100.9 orders/2.4 17")
    assert not shown.has_text("older still")
    assert shown.has_text("sb_live_oldoldoldold_… ends")


def test_key_of_another_team_is_not_found(people: People, page: Page) -> None:
    path, _ = create(page, people.bob)
    key_id = path.rpartition("/")[2]

    for part in ("", "/edit", "/revoke", "/regenerate", "/end-grace", "/simulate"):
        assert people.charlie.get(f"/t/other/api-keys/{key_id}{part}").status_code == 404, part
    for part in ("/edit", "/revoke", "/regenerate", "/end-grace"):
        form = {"grace_s": "0", "name": "mine", "scopes": ["events:read"], "per_hour": "1", "per_day": "1"}
        answer = people.charlie.post(f"/t/other/api-keys/{key_id}{part}", {**form, "expiry": "never"})
        assert answer.status_code == 404, part
