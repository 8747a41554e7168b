"""The home page: its numbers add up, what needs attention stands there, and the first steps are shown."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event

from app.api_keys.models import ApiKey
from app.api_keys.services import create_key
from app.clock_skew import SkewedClock
from app.config import SignUp
from app.extensions import db
from app.lib import clock
from app.web.permissions import FULL
from tests.page import Page
from tests.people import People
from tests.webhooks.deliveries.factories import Factories

pytestmark = pytest.mark.postgresql

HOME = "/t/acme/"


def this_hour() -> datetime:
    return clock.now().replace(minute=0, second=0, microsecond=0)


def test_new_team_sees_its_first_steps(people: People, page: Page, factories: Factories) -> None:
    document = page.get(HOME, people.alice)

    for text in ("Create a webhook", "Create an API key", "Send an event", "/api/v1/events"):
        assert document.has_text(text)

    factories.webhook()
    document = page.get(HOME, people.alice)
    assert document.has_text("Create a webhook, done")
    assert not document.has_text("Send an event, done")

    factories.api("events:write")
    factories.deliveries(factories.webhook("Other"), 1)
    assert not page.get(HOME, people.alice).has_text("Send your first webhook")


def test_viewer_is_told_whom_to_ask(people: People, page: Page) -> None:
    assert page.get(HOME, people.vic).has_text("Ask an admin of the team")


def test_numbers_add_up_over_webhooks_and_hours(
    people: People, page: Page, factories: Factories, other_factories: Factories
) -> None:
    orders, crm = factories.webhook("Orders"), factories.webhook("CRM")
    factories.deliveries(orders, 1, state="pending")
    hour = this_hour()
    factories.count(orders, hour, succeeded=90, failed=3, attempts=100, attempt_failures=10, total_ms=5000.0)
    factories.count(crm, hour, succeeded=7, failed=0, attempts=7, attempt_failures=0, total_ms=350.0)
    factories.count(
        orders, hour - timedelta(hours=23), succeeded=1000, failed=0, attempts=1000, total_ms=50_000.0
    )
    factories.count(
        orders, hour - timedelta(hours=24), succeeded=9999, failed=99, attempts=9999, total_ms=1.0
    )
    other_factories.count(other_factories.webhook(), hour, succeeded=555, attempts=555, total_ms=1.0)

    document = page.get(HOME, people.vic)
    [table] = document.all("table", data_chart="bars")
    values = [int(cell.get("data-value", "")) for cell in table.iter("td")]

    assert len(values) == 48
    assert (sum(values[0::2]), sum(values[1::2])) == (1097, 3)
    assert (values[0], values[-2:]) == (1000, [97, 3])
    for text in ("1,097", "99.7 %", "50 ms", "10 of 1,107 attempts failed"):
        assert document.has_text(text), text


def test_never_rounds_a_failure_away(people: People, page: Page, factories: Factories) -> None:
    webhook = factories.webhook()
    factories.deliveries(webhook, 1)
    factories.count(webhook, this_hour(), succeeded=99_999, failed=1, attempts=100_000, total_ms=1.0)

    assert page.get(HOME, people.vic).has_text("99.9 %")


def test_troubled_webhooks_come_with_reason_and_button(
    people: People, page: Page, factories: Factories
) -> None:
    failing = factories.webhook("Support desk", consecutive_failures=6)
    factories.deliveries(failing, 1, state="failed")
    disabled = factories.webhook("Zapier", status="disabled", status_reason="The receiver answered 410 Gone.")
    paused = factories.webhook("Reports", status="paused", status_reason="Paused by Bob.")
    factories.deliveries(paused, 4, state="pending")
    factories.webhook("Asleep", status="paused")
    factories.webhook("Healthy")
    factories.webhook("Removed", status="disabled", deleted_at=clock.now())

    document = page.get(HOME, people.mel)
    attention = document.text(document.one("section", aria_labelledby="attention-title"))

    for text in (
        "Support desk",
        "6 failed deliveries in a row",
        "Unavailable",
        "410 Gone",
        "4 waiting",
        "Paused by Bob.",
    ):
        assert text in attention, text
    for name in ("Asleep", "Healthy", "Removed"):
        assert name not in attention
    assert document.form(f"/t/acme/webhooks/{failing}/test") is not None
    assert f"/t/acme/webhooks/{disabled}/resume" in document.links()


def test_calm_team_is_told_so(people: People, page: Page, factories: Factories) -> None:
    factories.deliveries(factories.webhook(), 1)

    assert page.get(HOME, people.vic).has_text("All webhooks and connections work")


def test_costs_a_handful_of_queries_however_much_fails(
    app: Flask, people: People, factories: Factories
) -> None:
    for number in range(10):
        webhook = factories.webhook(f"Webhook {number}", consecutive_failures=3)
        factories.deliveries(webhook, 5, state="failed")
    people.vic.get(HOME)
    statements: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        people.vic.get(HOME)

    assert len(statements) <= 14, statements


def test_keys_that_expire_soon_need_attention(app: Flask, people: People) -> None:
    with app.app_context():
        for name, days in (("old", -2), ("soon", 3), ("later", 30), ("forgotten", -30)):
            key = create_key(
                people.acme.id, f"{name} key", scopes=["events:read"], granted_by=frozenset({FULL})
            )
            db.session.get_one(ApiKey, key.id).expires_at = clock.now() + timedelta(days=days, hours=1)
        db.session.commit()
        db.session.remove()

    page = people.bob.get("/t/acme/").get_data(as_text=True)

    assert "Expires in 3 days" in page
    assert "old key" in page
    assert "Expired" in page
    assert "later key" not in page
    assert "forgotten key" not in page
    assert "soon key" not in people.mel.get("/t/acme/").get_data(as_text=True), (
        "who cannot manage keys is not told"
    )


def test_a_wrong_clock_needs_the_owners_attention(
    app: Flask, people: People, page: Page, factories: Factories, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.deliveries(factories.webhook(), 1)
    monkeypatch.setattr(
        "app.dashboard.views.skewed_clocks", lambda: [SkewedClock("worker", "machine-7", -3600.0)]
    )

    document = page.get(HOME, people.alice)
    assert document.has_text("machine-7")
    assert document.has_text("worker process, 60 min behind")
    assert not document.has_text("Nothing needs you")
    assert not page.get(HOME, people.bob).has_text("machine-7")
    open_to_all = app.config["SETTINGS"].model_copy(update={"sign_up": SignUp.OPEN})
    monkeypatch.setitem(app.config, "SETTINGS", open_to_all)
    assert not page.get(HOME, people.alice).has_text("machine-7"), "owners are customers there"
