"""What happens to deliveries that are claimed already when their webhook changes."""

import threading

import orjson
import pytest

from app.webhooks.rules import FAILURES_TO_DISABLE
from tests.webhooks.dispatch.receivers import Receiver, always
from tests.webhooks.dispatch.scene import Scene, wait_until

pytestmark = pytest.mark.postgresql

IN_FLIGHT = 4


def test_a_pause_stops_what_was_claimed_ahead(scene: Scene, receiver: Receiver) -> None:
    may_answer = threading.Event()
    receiver.behaviour = always(200, after=may_answer)
    hook = scene.add_webhook(receiver.url, timeout_s=90)

    def claimed() -> int:
        return sum(delivery.lease is not None for delivery in scene.deliveries(hook.id))

    scene.emit(40)
    with scene.dispatching(dispatch_lease_s=600, dispatch_in_flight_per_webhook_max=IN_FLIGHT):
        wait_until(lambda: len(receiver.received) == IN_FLIGHT and claimed() > IN_FLIGHT)
        scene.change_webhook(hook.id, status="paused")
        wait_until(lambda: claimed() == IN_FLIGHT)
        may_answer.set()
        wait_until(lambda: claimed() == 0)
        with Receiver() as other:
            scene.add_webhook(other.url)
            scene.emit()
            wait_until(lambda: other.received)

    assert len(receiver.received) == IN_FLIGHT
    assert scene.states(hook.id) == {"succeeded": IN_FLIGHT, "pending": 41 - IN_FLIGHT}


def test_what_was_claimed_ahead_goes_to_the_new_address(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(200, delay_s=0.6)
    hook = scene.add_webhook(receiver.url)
    with Receiver() as other:
        scene.emit(40)
        with scene.dispatching(dispatch_lease_s=300, dispatch_in_flight_per_webhook_max=IN_FLIGHT):
            wait_until(lambda: receiver.received)
            scene.change_webhook(hook.id, url=other.url)
            scene.wait_until_settled()

        # What was not under way by then; a busy machine notices a moment later.
        assert len(receiver.received) <= 8 * IN_FLIGHT
        assert sorted(receiver.event_ids + other.event_ids) == sorted(
            delivery.event_id for delivery in scene.deliveries(hook.id)
        )


def test_values_of_own_headers_are_stored_nowhere_in_the_clear(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(200, body=b'{"you sent": "k3y-of-azure"}')
    hook = scene.add_webhook(receiver.url, headers=[("X-Functions-Key", "k3y-of-azure"), ("X-Stage", "prod")])
    scene.emit()
    scene.deliver()

    attempt = scene.attempt(hook.id)
    assert receiver.received[0].headers["x-functions-key"] == "k3y-of-azure"
    assert "k3y-of-azure" not in attempt.request_headers + str(attempt.response_body)
    assert ["X-Stage", "••••••"] in orjson.loads(attempt.request_headers)


def test_an_event_about_a_webhook_that_does_not_fit_loses_no_result(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(500)
    hook = scene.add_webhook(f"{receiver.url}?{'x' * 1500}")
    scene.emit(FAILURES_TO_DISABLE)
    settings = scene.app.config["SETTINGS"]
    scene.app.config["SETTINGS"] = settings.model_copy(update={"event_body_max_bytes": 1024})
    try:
        scene.deliver(hook.id)
    finally:
        scene.app.config["SETTINGS"] = settings

    assert scene.states(hook.id) == {"failed": FAILURES_TO_DISABLE}
    assert scene.webhook(hook.id).status == "disabled"
