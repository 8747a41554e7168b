"""The usage page: what is used and left of every limit, what was refused, and which limits were reached."""

import time
from datetime import timedelta
from typing import Any

from flask import Flask

from app.accounts.services.limits import limit_team
from app.api_keys import services
from app.api_keys.models import ApiKey
from app.api_keys.services import CreatedKey
from app.api_keys.usage.services import flush_usage
from app.api_keys.verification import verifier
from app.api_keys.verification.key_cache import Caller
from app.config import Tier
from app.db.pages import PAGE_SIZE
from app.extensions import db
from app.lib import clock
from app.web.limits import counters
from app.web.permissions import FULL
from tests.page import Page
from tests.people import People
from tests.waiting_jobs import run_waiting_jobs

USAGE = "/t/acme/usage/"


def new_key(app: Flask, people: People, name: str = "orders", **settings: Any) -> CreatedKey:
    with app.app_context():
        return services.create_key(
            people.acme.id, name, scopes=["events:read"], granted_by=frozenset({FULL}), **settings
        )


def call(app: Flask, key: CreatedKey, times: int) -> list[int]:
    """Call the API with the key; return the statuses."""
    client = app.test_client()
    headers = {"Authorization": f"Bearer {key.token}"}
    return [client.get("/api/v1/me", headers=headers).status_code for _ in range(times)]


def test_used_and_left_of_hour_and_day_are_shown(app: Flask, people: People, page: Page) -> None:
    key = new_key(app, people, per_hour=10, per_day=30)
    call(app, key, 3)

    shown = page.get(USAGE, people.bob)

    row = shown.text(shown.by_id("newest"))
    assert "orders" in row
    assert "3 of 10 7 left, clears" in row
    assert "3 of 30 27 left, clears" in row


def test_what_is_used_up_is_said_in_words(app: Flask, people: People, page: Page) -> None:
    key = new_key(app, people, per_hour=2)

    assert call(app, key, 3) == [200, 200, 429]

    assert page.get(USAGE, people.bob).has_text("2 of 2 none left, clears")


def test_uses_and_refusals_of_the_last_day_are_counted(app: Flask, people: People, page: Page) -> None:
    key = new_key(app, people, per_hour=2)
    call(app, key, 5)
    with app.app_context():
        flush_usage()

    shown = page.get(USAGE, people.bob)

    assert shown.has_text("Uses, 24 h 2")
    assert shown.has_text("Refused, 24 h 3 by a limit")


def test_refusals_of_another_team_are_not_counted(app: Flask, people: People, page: Page) -> None:
    call(app, new_key(app, people, per_hour=2), 5)
    with app.app_context():
        flush_usage()

    shown = page.get("/t/other/usage/", people.charlie)

    assert shown.has_text("Uses, 24 h 0")
    assert shown.has_text("No limit was reached")
    assert not shown.has_text("orders")


def test_tier_and_its_limit_are_named(people: People, page: Page) -> None:
    shown = page.get(USAGE, people.bob)

    assert shown.has_text("Tier Free 20,000 requests per hour, all keys together")
    assert shown.has_text("0 of 20,000")


def test_limit_of_the_operator_is_shown_and_keeps_what_is_used(
    app: Flask, people: People, page: Page
) -> None:
    call(app, new_key(app, people), 4)
    with app.app_context():
        limit_team(people.acme.slug, tier=Tier.PRO, per_hour=9, keeps_per_hour=False)

    shown = page.get(USAGE, people.bob)

    assert shown.has_text("Tier Pro with a limit of its own, set by the operator")
    assert shown.has_text("The team, this hour 4 of 9, 5 left")


def test_limit_that_was_reached_is_listed_with_its_key(app: Flask, people: People, page: Page) -> None:
    key = new_key(app, people, per_hour=2)
    assert call(app, key, 4) == [200, 200, 429, 429]
    run_waiting_jobs(app)

    shown = page.get(USAGE, people.bob)

    row = shown.text(shown.all("tbody")[-1])
    assert row.count("Requests per hour of the key orders") == 1
    assert f"/t/acme/api-keys/{key.id}" in shown.links()


def test_limit_of_the_team_that_was_reached_is_listed(app: Flask, people: People, page: Page) -> None:
    key = new_key(app, people)
    with app.app_context():
        limit_team(people.acme.slug, tier=None, per_hour=1, keeps_per_hour=False)
    assert call(app, key, 2) == [200, 429]
    run_waiting_jobs(app)

    assert page.get(USAGE, people.bob).has_text("API requests per hour of this team")


def test_keys_that_do_not_work_are_left_out(app: Flask, people: People, page: Page) -> None:
    revoked, expired = new_key(app, people, "revoked one"), new_key(app, people, "expired one")
    with app.app_context():
        services.revoke_key(people.acme.id, revoked.id)
        db.session.get_one(ApiKey, expired.id).expires_at = clock.now() - timedelta(days=1)
        db.session.commit()

    shown = page.get(USAGE, people.bob)

    assert shown.has_text("No key works")
    assert not shown.has_text("revoked one")


def test_page_without_keys_says_what_to_do(people: People, page: Page) -> None:
    shown = page.get(USAGE, people.bob)

    assert shown.has_text("No API keys yet")
    assert "/t/acme/api-keys/new" in shown.links()


def test_keys_are_found_by_name(app: Flask, people: People, page: Page) -> None:
    new_key(app, people, "orders")
    new_key(app, people, "invoices")

    found = page.fragment(f"{USAGE}?q=invo", "usage-list", people.bob)

    assert found.has_text("invoices")
    assert not found.has_text("orders")
    assert page.get(f"{USAGE}?q=nothing", people.bob).has_text("No working key matches")


def test_keys_are_filtered_by_kind_but_not_by_state(app: Flask, people: People, page: Page) -> None:
    new_key(app, people, "live one")
    new_key(app, people, "trial", is_test=True)

    found = page.get(f"{USAGE}?kind=test", people.bob)

    assert [found.text(link) for link in found.all("a", class_="sb-row-link")] == ["trial"]
    assert not found.all("select", name="state"), "all of them work"
    assert page.get(f"{USAGE}?kind=odd", people.bob, status=422).error_of("filter-kind") == (
        "Kind: choose Live or Test."
    )


def test_older_keys_are_on_the_next_page(app: Flask, people: People, page: Page) -> None:
    with app.app_context():
        for number in range(PAGE_SIZE + 1):
            key = ApiKey(
                team_id=people.acme.id, name=f"key {number}", kid=f"kid{number:09}", key_hash="x", scopes=[]
            )
            db.session.add(key)
            db.session.flush()
        db.session.commit()

    newest = page.get(USAGE, people.bob)
    older = page.get(newest.one("a", rel="next").get("href", ""), people.bob)

    assert len(newest.all("a", class_="sb-row-link")) == PAGE_SIZE
    assert [older.text(link) for link in older.all("a", class_="sb-row-link")] == ["key 0"]


def test_page_says_when_redis_does_not_answer(app: Flask, people: People, page: Page) -> None:
    key = new_key(app, people, per_hour=10)
    bob = people.bob.new_visitor()
    with app.app_context():
        found = counters()
        found._away_until_s = time.monotonic() + 60
        try:
            verifier._verifier().verify(key.token, Caller("203.0.113.7", "orders/1.2"))
            shown = page.get(USAGE, bob)
        finally:
            found._away_until_s = 0.0

    assert shown.has_text("Redis does not answer")
    assert shown.has_text("1 of 10")


def test_only_who_manages_keys_sees_it(people: People) -> None:
    assert people.bob.get(USAGE).status_code == 200
    assert people.mel.get(USAGE).status_code == 403
    assert people.vic.get(USAGE).status_code == 403
    assert people.charlie.get(USAGE).status_code == 404


def test_navigation_leads_there(people: People, page: Page) -> None:
    assert USAGE in page.get("/t/acme/api-keys/", people.bob).links()
    assert USAGE not in page.get("/t/acme/", people.mel).links()
