"""Failing webhooks are warned about, disabled once, and reported as events."""

import re

import pytest
from flask import Flask
from sqlalchemy import select

from app.extensions import db
from app.lib import clock
from app.webhooks.models import Webhook
from tests.people import People
from tests.waiting_jobs import run_waiting_jobs, waiting_mails
from tests.webhooks.dispatch.receivers import Received, Receiver, Reply, always
from tests.webhooks.dispatch.scene import Scene, wait_until

pytestmark = pytest.mark.postgresql

FAILING, DISABLED = "signalbox.webhook.failing", "signalbox.webhook.disabled"


def test_ten_failed_deliveries_in_a_row_disable_exactly_once(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(500)
    hook = scene.add_webhook(receiver.url)
    with Receiver() as listener:
        ears = scene.add_webhook(listener.url, event_types=["signalbox.*"])
        scene.emit(40)
        with scene.dispatching(dispatch_in_flight_per_webhook_max=3):
            wait_until(lambda: scene.webhook(hook.id).status == "disabled")
            scene.wait_until_settled(ears.id)
    # Closing let the last transfers end, so more failures than ten were counted.
    webhook = scene.webhook(hook.id)
    assert webhook.status == "disabled"
    assert "in a row failed" in (webhook.status_reason or "")
    (told,) = scene.events_of_type(DISABLED)
    assert told["data"]["webhook_id"] == hook.id
    assert told["data"]["last_error"] == "http_5xx"
    assert told["data"]["consecutive_failures"] >= 10
    assert len(scene.events_of_type(FAILING)) <= 1
    assert len(listener.received) == 1 + len(scene.events_of_type(FAILING))


def test_what_is_left_of_a_disabled_webhook_waits(scene: Scene, receiver: Receiver) -> None:
    """What was claimed ahead is given back at once, neither sent nor left to its lease."""
    receiver.behaviour = always(410, delay_s=0.5)
    hook = scene.add_webhook(receiver.url)
    scene.emit(200)
    with scene.dispatching(dispatch_lease_s=300, dispatch_in_flight_per_webhook_max=16):
        wait_until(lambda: scene.webhook(hook.id).status == "disabled")
        wait_until(lambda: all(d.lease is None for d in scene.deliveries(hook.id)))
        assert len(receiver.received) < 100
    states = scene.states(hook.id)
    assert states["failed"] == len(receiver.received)
    assert states["failed"] + states["pending"] == 200
    assert all(d.due_at for d in scene.deliveries(hook.id) if d.state == "pending")


def test_five_failures_warn_once(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(500)
    hook = scene.add_webhook(receiver.url)
    for _ in range(6):
        scene.emit()
        scene.deliver()
    (told,) = scene.events_of_type(FAILING)
    assert told["data"]["webhook_id"] == hook.id
    assert told["data"]["consecutive_failures"] == 5
    assert scene.webhook(hook.id).status == "active"
    assert scene.events_of_type(DISABLED) == []


def test_a_success_resets_the_count(scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url)
    for status in (500, 500, 500, 500, 200, 500):
        receiver.behaviour = always(status)
        scene.emit()
        scene.deliver()
    assert scene.webhook(hook.id).consecutive_failures == 1
    assert scene.events_of_type(FAILING) == []


def test_sporadic_failures_never_disable(scene: Scene, receiver: Receiver) -> None:
    def every_fourth_works(received: Received) -> Reply:
        return Reply(200 if len(receiver.received) % 4 == 0 else 500)

    receiver.behaviour = every_fourth_works
    hook = scene.add_webhook(receiver.url)
    scene.emit(60)
    scene.deliver(dispatch_in_flight_per_webhook_max=1)
    assert scene.webhook(hook.id).status == "active"
    assert scene.states(hook.id) == {"failed": 45, "succeeded": 15}


def test_failed_attempts_with_retries_left_do_not_count(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(500)
    hook = scene.add_webhook(receiver.url, max_retries=2)
    scene.emit()
    scene.deliver()
    assert scene.webhook(hook.id).consecutive_failures == 1
    assert len(receiver.received) == 3


def test_410_disables_at_once(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(410)
    hook = scene.add_webhook(receiver.url, max_retries=5)
    scene.emit()
    scene.deliver()
    webhook = scene.webhook(hook.id)
    assert webhook.status == "disabled"
    assert "410" in (webhook.status_reason or "")
    assert scene.delivery(hook.id).state == "failed"
    assert scene.attempt(hook.id).error_kind == "gone_410"
    assert len(scene.events_of_type(DISABLED)) == 1


def test_owners_and_admins_are_mailed_when_a_webhook_is_disabled(
    app: Flask, people: People, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = Scene(app, people.acme.id)
    receiver.behaviour = always(410)
    scene.add_webhook(receiver.url)
    scene.emit()
    scene.deliver()

    assert waiting_mails(app) == ["webhooks.disabled_notice"] * 2
    run_waiting_jobs(app)
    assert sorted(re.findall(r"Mail to (\S+):", capsys.readouterr().out)) == [
        people.alice.email,
        people.bob.email,
    ]


@pytest.mark.parametrize("status", ["paused", "disabled"])
def test_webhooks_that_are_not_active_get_nothing(scene: Scene, receiver: Receiver, status: str) -> None:
    held = scene.add_webhook(receiver.url, status=status)
    with Receiver() as other:
        active = scene.add_webhook(other.url)
        scene.emit(3)
        scene.deliver(active.id)
        assert len(other.received) == 3
    assert receiver.received == []
    assert scene.states(held.id) == {"pending": 3}
    assert all(d.due_at and d.lease is None for d in scene.deliveries(held.id))
    scene.change_webhook(held.id, status="active")
    scene.deliver(held.id)
    assert len(receiver.received) == 3


def test_deleted_webhooks_get_nothing(scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url)
    scene.emit(3)
    scene.change_webhook(hook.id, deleted_at=clock.now())
    with Receiver() as other:
        active = scene.add_webhook(other.url)
        scene.emit()
        scene.deliver(active.id)
    assert receiver.received == []


def test_a_webhook_whose_secret_does_not_open_stops_nobody_else(scene: Scene, receiver: Receiver) -> None:
    broken = scene.add_webhook(receiver.url)
    with scene.app.app_context():
        other_row = db.session.scalar(select(Webhook.secret_sealed))
        assert other_row is not None
    scene.change_webhook(broken.id, secret_sealed=other_row[:-8] + "AAAAAAA=")
    fine = scene.add_webhook(receiver.url)
    scene.emit(2)
    scene.deliver(fine.id)
    assert scene.states(fine.id) == {"succeeded": 2}
    assert scene.states(broken.id) == {"pending": 2}
    assert len(receiver.received) == 2
