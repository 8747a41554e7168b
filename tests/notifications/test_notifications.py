"""Notifications: which events they are about, what is posted, and what becomes of it when the chat refuses."""

from datetime import timedelta

import orjson
import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.events.services import add_event, emit
from app.extensions import db
from app.integrations.dependents import dependents_of
from app.integrations.services.integrations import create_integration, delete_integration, set_enabled
from app.integrations.services.settings import IntegrationSettings
from app.lib import clock
from app.lib.errors import Invalid
from app.notifications.models import Notification, PendingNotification
from app.notifications.rules import ATTEMPTS_MAX, TYPES, message_of
from app.notifications.services.notifications import create_notification, set_notification_enabled
from app.notifications.services.posting import post_due
from tests.api_client import Api, messages
from tests.page import Page
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver, always

PAGES = "/t/acme/integrations/notifications/"
DISABLED = "signalbox.webhook.disabled"
DATA = {"webhook_id": "wh_1", "name": "<!channel> desk", "reason": "10 deliveries in a row failed."}


@pytest.fixture
def slack(app: Flask, people: People, service: Receiver) -> str:
    """Return the id of acme's integration with an incoming webhook."""
    service.behaviour = always(200, body=b"ok")
    settings = IntegrationSettings(name="Ops", auth_method="webhook", answers={"webhook_url": service.url})
    with app.app_context():
        return create_integration(people.acme.id, "slack", settings)


@pytest.fixture
def notification(app: Flask, people: People, slack: str) -> str:
    with app.app_context():
        return create_notification(people.acme.id, slack, [DISABLED])


def happen(app: Flask, team_id: str, event_type: str = DISABLED) -> None:
    with app.app_context():
        add_event(db.session(), team_id, event_type, DATA)
        db.session.commit()


def pending(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(PendingNotification)) or 0


def post(app: Flask) -> int:
    with app.app_context():
        return post_due()


def make_due(app: Flask) -> None:
    with app.app_context():
        db.session.execute(update(PendingNotification).values(due_at=clock.now() - timedelta(days=1)))
        db.session.commit()


def last_of(app: Flask, notification_id: str) -> Notification:
    with app.app_context():
        found = db.session.get_one(Notification, notification_id)
        db.session.expunge(found)
        return found


def test_what_happens_is_posted_once(
    app: Flask, people: People, service: Receiver, notification: str
) -> None:
    happen(app, people.acme.id)
    assert post(app) == 1
    assert post(app) == 0
    (received,) = service.received
    text = orjson.loads(received.body)["text"]
    assert "10 deliveries in a row failed." in text
    assert "&lt;!channel&gt; desk" in text
    assert "/t/acme/|Open Signalbox>" in text
    assert pending(app) == 0
    assert last_of(app, notification).last_posted_at is not None


def test_other_types_other_teams_and_the_products_events_are_not_told(
    app: Flask, people: People, service: Receiver, notification: str
) -> None:
    happen(app, people.acme.id, "signalbox.webhook.failing")
    happen(app, people.other.id)
    with app.app_context():
        emit(people.acme.id, "post.published", {"n": 1})
    assert pending(app) == 0


def test_a_transaction_that_is_undone_tells_nothing(app: Flask, people: People, notification: str) -> None:
    with app.app_context():
        add_event(db.session(), people.acme.id, DISABLED, DATA)
        db.session.rollback()
    assert pending(app) == 0


def test_what_fails_for_now_is_tried_again_and_given_up_in_the_end(
    app: Flask, people: People, service: Receiver, notification: str
) -> None:
    happen(app, people.acme.id)
    service.behaviour = always(503)
    for attempt in range(ATTEMPTS_MAX):
        assert pending(app) == 1, attempt
        assert post(app) == 0
        make_due(app)
    assert pending(app) == 0
    assert "503" in (last_of(app, notification).last_error or "")
    service.behaviour = always(200, body=b"ok")
    happen(app, people.acme.id)
    assert post(app) == 1
    assert last_of(app, notification).last_error is None


def test_what_slack_refuses_is_given_up_with_its_reason(
    app: Flask, people: People, service: Receiver, notification: str
) -> None:
    service.behaviour = always(410, body=b"channel_is_archived")
    happen(app, people.acme.id)
    assert post(app) == 0
    assert pending(app) == 0
    assert "The channel is archived." in (last_of(app, notification).last_error or "")


def test_a_team_whose_chat_is_away_holds_up_no_other(
    app: Flask, people: People, service: Receiver, notification: str
) -> None:
    with Receiver(always(200, body=b"ok")) as theirs:
        settings = IntegrationSettings(name="O", auth_method="webhook", answers={"webhook_url": theirs.url})
        with app.app_context():
            chat = create_integration(people.other.id, "slack", settings)
            create_notification(people.other.id, chat, [DISABLED])
        service.behaviour = always(503)
        for _ in range(3):
            happen(app, people.acme.id)
        happen(app, people.other.id)
        assert post(app) == 1
        assert len(theirs.received) == 1
    # Of the team whose chat is away one message was tried in this run.
    assert len(service.received) == 1


def test_an_integration_that_is_switched_off_posts_later(
    app: Flask, people: People, service: Receiver, slack: str, notification: str
) -> None:
    with app.app_context():
        set_enabled(people.acme.id, slack, is_enabled=False)
    happen(app, people.acme.id)
    assert post(app) == 0
    assert "switched off" in (last_of(app, notification).last_error or "")
    with app.app_context():
        set_enabled(people.acme.id, slack, is_enabled=True)
    make_due(app)
    assert post(app) == 1


def test_a_notification_that_is_off_posts_nothing_neither_later(
    app: Flask, people: People, service: Receiver, notification: str
) -> None:
    happen(app, people.acme.id)
    with app.app_context():
        set_notification_enabled(people.acme.id, notification, is_enabled=False)
    happen(app, people.acme.id)
    assert (post(app), pending(app)) == (0, 0)
    with app.app_context():
        set_notification_enabled(people.acme.id, notification, is_enabled=True)
    assert post(app) == 0
    assert service.received == []


def test_it_goes_with_its_integration_which_says_so(
    app: Flask, people: People, slack: str, notification: str
) -> None:
    happen(app, people.acme.id)
    with app.app_context():
        assert "1 notification is deleted with it." in dependents_of(people.acme.id, slack)
        delete_integration(people.acme.id, slack)
        assert db.session.scalar(select(func.count()).select_from(Notification)) == 0
    assert (pending(app), post(app)) == (0, 0)


def test_only_the_teams_own_slack_and_known_types_are_taken(app: Flask, people: People, slack: str) -> None:
    with app.app_context():
        with pytest.raises(Invalid, match="no such integration"):
            create_notification(people.other.id, slack, [DISABLED])
        db.session.rollback()
        with pytest.raises(Invalid) as raised:
            create_notification(people.acme.id, slack, ["post.published"], "#alerts")
    assert {error.field for error in raised.value.errors} == {"channel", "event_types"}


@pytest.mark.parametrize("event_type", list(TYPES))
def test_every_type_makes_a_message(event_type: str) -> None:
    known = TYPES[event_type]
    text = message_of(event_type, known.example, team_name="Acme", url="https://x.example/t/acme/")
    assert text.startswith(f"*{known.description}*")
    assert str(next(iter(known.example.values()))) in text


def test_the_pages_create_show_switch_and_delete(app: Flask, people: People, page: Page, slack: str) -> None:
    assert page.get(PAGES, people.vic).has_text("Let a chat tell you")
    assert people.mel.get(PAGES + "new").status_code == 403
    form = {"integration_id": slack, "channel": "", "event_types": [DISABLED]}
    wrong = page.read(people.bob.post(PAGES + "new", {**form, "event_types": []}))
    assert (wrong.status, wrong.has_text("Choose at least one.")) == (422, True)
    assert people.bob.post(PAGES + "new", form).status_code == 303
    shown = page.get(PAGES, people.bob)
    assert shown.has_text(DISABLED)
    with app.app_context():
        notification_id = db.session.scalars(select(Notification.id)).one()
    people.bob.post(f"{PAGES}{notification_id}/disable")
    assert page.get(PAGES, people.vic).has_text("Off")
    assert (
        people.charlie.post(f"/t/other/integrations/notifications/{notification_id}/delete").status_code
        == 404
    )
    people.bob.post(f"{PAGES}{notification_id}/delete")
    assert page.get(PAGES, people.vic).has_text("Let a chat tell you")


def test_the_api_creates_switches_and_deletes(app: Flask, people: People, slack: str) -> None:
    api = Api(app, people.acme.id, people.alice.id, ["integrations:read", "integrations:write"])
    body = {"integration_id": slack, "event_types": [DISABLED]}
    created = [api("POST", "/notifications", body, headers={"Idempotency-Key": "n1"}) for _ in range(2)]
    assert [answer.status_code for answer in created] == [201, 201]
    (notification,) = api("GET", "/notifications").get_json()["data"]
    address = f"/notifications/{notification['id']}"
    off = api("PUT", f"{address}/status", {"is_enabled": False}).get_json()
    assert (off["is_enabled"], off["last_error"]) == (False, None)
    wrong = api("POST", "/notifications", {**body, "event_types": ["post.published"]})
    assert "signalbox.webhook.disabled" in messages(wrong)["event_types"]
    stranger = Api(app, people.other.id, people.charlie.id, ["integrations:write"])
    assert stranger("DELETE", address).status_code == 404
    assert api("DELETE", address).status_code == 204
    assert api("GET", "/notifications").get_json()["data"] == []
