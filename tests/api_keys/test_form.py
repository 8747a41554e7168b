"""The forms that make and change a key: every wrong value is named beside its field, and nobody grants what they lack."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.api_keys import services
from app.api_keys.models import ApiKey
from app.extensions import db
from app.lib import clock
from app.web.permissions import FULL, Role, permission_groups, permissions_of, scopes
from tests.page import Document, Page
from tests.people import People

INDEX = "/t/acme/api-keys/"
FORM: dict[str, Any] = {
    "name": "orders",
    "kind": "live",
    "scopes": ["events:write"],
    "expiry": "90",
    "per_hour": "1000",
    "per_day": "10000",
    "networks": "",
}


def day(days: int) -> str:
    return (clock.now() + timedelta(days=days)).date().isoformat()


def stored(app: Flask) -> ApiKey:
    """Return the only key."""
    with app.app_context():
        db.session.expire_all()
        return db.session.scalars(select(ApiKey)).one()


def make(app: Flask, people: People, **values: Any) -> str:
    """Create a key that only the owner can and return its id."""
    with app.app_context():
        return services.create_key(
            people.acme.id, "orders", granted_by=frozenset({FULL}), **{"scopes": ["events:write"], **values}
        ).id


def checked(shown: Document, name: str) -> list[str]:
    return [box.get("value", "") for box in shown.all("input", name=name) if box.get("checked") is not None]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"name": ""}, "name", "Give the key a name of 1 to 100 characters."),
    ({"name": "x" * 101}, "name", "Give the key a name of 1 to 100 characters."),
    ({"name": "a\u202eb"}, "name", "Give the key a name of 1 to 100 characters."),
    ({"scopes": []}, "scopes", "Choose at least one scope."),
    ({"scopes": ["money:print"]}, "scopes", "There is no scope money:print."),
    ({"scopes": ["events:read", "admin:full"]}, "scopes", "You cannot grant admin:full"),
    ({"scopes": ["team:manage", "admin:full"]}, "scopes", "You cannot grant team:manage, admin:full"),
    ({"per_hour": "0"}, "per_hour", "Write a whole number from 1 to 100,000,000."),
    ({"per_hour": "many"}, "per_hour", "Write a whole number from 1 to 100,000,000."),
    ({"per_hour": ""}, "per_hour", "Write a whole number from 1 to 100,000,000."),
    ({"per_day": "100000001"}, "per_day", "Write a whole number from 1 to 100,000,000."),
    ({"per_day": "1.5"}, "per_day", "Write a whole number from 1 to 100,000,000."),
    ({"expiry": "date"}, "expires_on", "Choose the day on which the key ends"),
    ({"expiry": "date", "expires_on": "31.12."}, "expires_on", "Choose the day on which the key ends"),
    ({"expiry": "date", "expires_on": day(-1)}, "expires_on", "That is in the past."),
    ({"expiry": "date", "expires_on": day(367)}, "expires_on", "At most 365 days from now."),
    ({"expiry": "90", "expires_on": day(9)}, "expires_on", "Choose On a date with it, or empty it."),
    ({"expiry": "366"}, "expiry", "Choose when the key expires."),
    ({"expiry": ""}, "expiry", "Choose when the key expires."),
    ({"networks": "home"}, "networks", "home is no network."),
    ({"networks": "203.0.113.7/24"}, "networks", "Did you mean 203.0.113.0/24, or 203.0.113.7?"),
    ({"networks": "2001:db8::7/32"}, "networks", "Did you mean 2001:db8::/32, or 2001:db8::7?"),
    ({"networks": "10.0.0.0/33"}, "networks", "10.0.0.0/33 is no network."),
    (
        {"networks": "\n".join(f"10.0.{n}.0/24" for n in range(51))},
        "networks",
        "At most 50 networks; there are 51.",
    ),
]


@pytest.mark.parametrize(("values", "field", "message"), WRONG)
def test_wrong_values_are_named_beside_their_field(
    app: Flask, people: People, page: Page, values: dict[str, Any], field: str, message: str
) -> None:
    answer = page.read(people.bob.post(f"{INDEX}new", {**FORM, **values}))

    assert answer.status == 422
    assert message in answer.error_of(field)
    assert answer.all("div", role="alert"), "the summary above the form"
    with app.app_context():
        assert db.session.scalars(select(ApiKey)).all() == []


def test_all_errors_come_at_once_and_nothing_typed_is_lost(people: People, page: Page) -> None:
    form = {**FORM, "name": "", "networks": "home", "per_hour": "0", "per_day": "7", "expiry": "30"}
    answer = page.read(people.bob.post(f"{INDEX}new", form))

    assert all(answer.error_of(field) for field in ("name", "networks", "per_hour"))
    assert not answer.error_of("per_day")
    assert checked(answer, "scopes") == ["events:write"]
    assert checked(answer, "expiry") == ["30"]
    assert answer.by_id("per_day").get("value") == "7"
    assert answer.text(answer.by_id("networks")) == "home"


def test_everything_that_is_chosen_is_stored(app: Flask, people: People) -> None:
    form = {
        "name": "  Orders   service ",
        "kind": "test",
        "scopes": ["webhooks:read", "events:write"],
        "expiry": "date",
        "expires_on": day(365),
        "per_hour": "50",
        "per_day": "40",
        "networks": " 203.0.113.0/24 \n\n198.51.100.7\n2001:db8::/32\n203.0.113.0/24\n",
    }
    assert people.bob.post(f"{INDEX}new", form).status_code == 303

    key = stored(app)

    assert key.name == "Orders service"
    assert key.is_test
    assert key.scopes == ["events:write", "webhooks:read"]
    assert key.expires_at == datetime.fromisoformat(f"{day(365)}T23:59:59").replace(tzinfo=UTC)
    assert (key.per_hour, key.per_day) == (50, 40)
    assert key.networks == ["203.0.113.0/24", "198.51.100.7/32", "2001:db8::/32"]
    assert key.created_by_id == people.bob.id


@pytest.mark.parametrize("days", ["7", "30", "90", "180", "365"])
def test_expiry_counts_from_now(app: Flask, people: People, days: str) -> None:
    people.bob.post(f"{INDEX}new", {**FORM, "expiry": days})

    expires_at = stored(app).expires_at
    assert expires_at is not None
    assert abs(expires_at - clock.now() - timedelta(days=int(days))) < timedelta(minutes=1)


def test_never_expiring_is_possible_and_discouraged(app: Flask, people: People, page: Page) -> None:
    assert page.get(f"{INDEX}new", people.bob).has_text("A key that never expires is discouraged")
    path = people.bob.post(f"{INDEX}new", {**FORM, "expiry": "never"}).location or ""

    assert stored(app).expires_at is None
    assert page.get(path, people.bob).has_text("never, which is discouraged")


def test_form_shows_every_scope_with_what_it_allows(people: People, page: Page) -> None:
    shown = page.get(f"{INDEX}new", people.alice)

    assert [box.get("value") for box in shown.all("input", name="scopes")] == list(scopes())
    for group, permissions in permission_groups():
        assert shown.has_text(group)
        assert all(shown.has_text(one.note) for one in permissions)
    assert len(shown.all("button", class_="sb-needs-script")) >= len(permission_groups())
    assert checked(shown, "expiry") == ["90"]


def test_key_for_tests_looks_like_one(people: People, page: Page) -> None:
    path = people.bob.post(f"{INDEX}new", {**FORM, "kind": "test"}).location or ""
    shown = page.get(path, people.bob)

    assert shown.by_id("api-key").get("value", "").startswith("sb_test_")
    assert page.get(path, people.bob).has_text("Test sb_test_")


def test_creating_is_limited_and_says_so(people: People, page: Page) -> None:
    for _ in range(10):
        assert people.bob.post(f"{INDEX}new", FORM).status_code == 303
    assert people.bob.post(f"{INDEX}new", {**FORM, "name": ""}).status_code in (422, 429)

    answer = people.bob.post(f"{INDEX}new", FORM)

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert page.read(answer).has_text("At most 10 times in 15 minutes.")
    assert people.alice.post(f"{INDEX}new", FORM).status_code == 303, "others are not limited by it"


def test_edit_shows_what_is_stored_and_changes_only_that(app: Flask, people: People, page: Page) -> None:
    key_id = make(
        app,
        people,
        scopes=["events:read", "events:write"],
        networks=["10.0.0.0/8"],
        expires_at=clock.now() + timedelta(days=20),
    )
    before = stored(app)
    shown = page.get(f"{INDEX}{key_id}/edit", people.bob)
    assert checked(shown, "scopes") == ["events:read", "events:write"]
    assert checked(shown, "expiry") == ["keep"]
    assert not shown.all("input", name="kind"), "live stays live"

    form = {**FORM, "name": "renamed", "expiry": "keep", "networks": "10.0.0.0/8"}
    assert people.bob.post(f"{INDEX}{key_id}/edit", form).location == f"{INDEX}{key_id}"

    after = stored(app)
    assert (after.name, after.scopes, after.networks) == ("renamed", ["events:write"], ["10.0.0.0/8"])
    assert after.expires_at == before.expires_at
    assert after.version == before.version + 1
    assert page.get(f"{INDEX}{key_id}", people.bob).has_text("It counts from the next request on.")


@pytest.mark.parametrize(("values", "field", "message"), WRONG)
def test_edit_refuses_the_same(
    app: Flask, people: People, page: Page, values: dict[str, Any], field: str, message: str
) -> None:
    key_id = make(app, people)
    answer = page.read(people.bob.post(f"{INDEX}{key_id}/edit", {**FORM, **values}))

    assert answer.status == 422
    assert message in answer.error_of(field)
    assert stored(app).version == 1


def test_scope_one_lacks_is_not_given(app: Flask, people: People, page: Page) -> None:
    key_id = make(app, people, scopes=["events:write"])
    path = f"{INDEX}{key_id}/edit"

    refused = page.read(people.bob.post(path, {**FORM, "scopes": ["events:write", "team:manage"]}))

    assert "You cannot grant team:manage" in refused.error_of("scopes")
    assert people.bob.post(path, {**FORM, "scopes": ["admin:full"]}).status_code == 422


def test_key_with_a_scope_one_lacks_is_not_changed(app: Flask, people: People, page: Page) -> None:
    key_id = make(app, people, scopes=["admin:full", "events:write"])

    for chosen in (["admin:full", "events:write"], ["events:write"]):
        answer = people.bob.post(f"{INDEX}{key_id}/edit", {**FORM, "scopes": chosen})
        assert answer.status_code == 403
        assert page.read(answer).has_text("has admin:full, which you lack")
    assert stored(app).version == 1


def test_new_key_has_no_expiry_to_keep(people: People, page: Page) -> None:
    answer = page.read(people.bob.post(f"{INDEX}new", {**FORM, "expiry": "keep"}))

    assert answer.error_of("expiry") == "Choose when the key expires."


def test_revoked_key_cannot_be_edited(app: Flask, people: People, page: Page) -> None:
    key_id = make(app, people)
    people.bob.post(f"{INDEX}{key_id}/revoke")

    assert people.bob.get(f"{INDEX}{key_id}/edit").status_code == 303
    answer = people.bob.post(f"{INDEX}{key_id}/edit", FORM)
    assert answer.status_code == 409
    assert page.read(answer).has_text("The API key 'orders' is revoked")


def test_expired_key_can_be_extended(app: Flask, people: People) -> None:
    key_id = make(app, people)
    with app.app_context():
        key = db.session.get_one(ApiKey, key_id)
        key.expires_at, key.expiry_notified_at = clock.now() - timedelta(days=1), clock.now()
        db.session.commit()

    assert people.bob.post(f"{INDEX}{key_id}/edit", {**FORM, "expiry": "keep"}).status_code == 303
    assert people.bob.post(f"{INDEX}{key_id}/edit", {**FORM, "expiry": "30"}).status_code == 303

    key = stored(app)
    assert key.expires_at is not None
    assert key.expires_at > clock.now()
    assert key.expiry_notified_at is None, "the team is warned again"


def test_form_comes_back_into_its_place(people: People, page: Page) -> None:
    answer = people.bob.post(f"{INDEX}new", {**FORM, "name": ""}, fragment="key-form")

    assert answer.status_code == 422
    assert answer.get_data(as_text=True).lstrip().startswith('<form id="key-form"')
    done = people.bob.post(f"{INDEX}new", FORM, fragment="key-form")
    assert done.status_code == 204
    assert "/api-keys/key_" in done.headers["HX-Redirect"]


def test_admins_grant_what_they_have(app: Flask, people: People) -> None:
    granted = sorted(permissions_of(Role.ADMIN))
    assert people.bob.post(f"{INDEX}new", {**FORM, "scopes": granted}).status_code == 303

    assert stored(app).scopes == granted
