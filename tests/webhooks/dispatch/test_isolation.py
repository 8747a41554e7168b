"""One bad receiver does not delay others, and no receiver gets more than its share."""

import threading
import time
from operator import attrgetter

import pytest

from tests import hostile_receivers as hostile
from tests.webhooks.dispatch.receivers import Received, Receiver, Reply, always
from tests.webhooks.dispatch.scene import Scene, wait_until

pytestmark = pytest.mark.postgresql

#: Longer than any test: what waits for a hanging receiver waits until the test fails.
NEVER_S = 300


def test_a_hanging_receiver_with_a_backlog_delays_nobody(scene: Scene, receiver: Receiver) -> None:
    with hostile.Receiver(hostile.never_answer) as hanging:
        slow = scene.add_webhook(hanging.url, event_types=["post.failed"], timeout_s=NEVER_S)
        fast = scene.add_webhook(receiver.url, event_types=["post.published"])
        scene.emit(600, event_type="post.failed")
        scene.emit(300)
        with scene.dispatching(dispatch_lease_s=3 * NEVER_S):
            scene.wait_until_settled(fast.id)
            assert scene.attempts(slow.id) == []
            hanging.is_stopping.set()
    assert scene.states(fast.id) == {"succeeded": 300}
    assert hanging.connection_count <= scene.settings.dispatch_in_flight_per_webhook_max
    assert scene.states(slow.id).get("succeeded") is None


def test_many_hanging_receivers_leave_room_for_a_fast_one(scene: Scene, receiver: Receiver) -> None:
    """More backlog at dead receivers than there is room in flight altogether, and no timeout to free any."""
    with hostile.Receiver(hostile.never_answer) as hanging:
        slow = [
            scene.add_webhook(hanging.url, event_types=["post.failed"], timeout_s=NEVER_S) for _ in range(4)
        ]
        fast = scene.add_webhook(receiver.url, event_types=["post.published"])
        scene.emit(40, event_type="post.failed")
        with scene.dispatching(
            dispatch_in_flight_max=12, dispatch_in_flight_per_webhook_max=4, dispatch_lease_s=3 * NEVER_S
        ):
            wait_until(lambda: len(hanging.requests) >= 8)
            time.sleep(1.2)  # They get all they can get; a shorter wait only asks for less.
            scene.emit(100)
            scene.wait_until_settled(fast.id)
            assert [attempt for hook in slow for attempt in scene.attempts(hook.id)] == []
            hanging.is_stopping.set()
    assert scene.states(fast.id) == {"succeeded": 100}


def test_webhooks_are_served_side_by_side(scene: Scene, receiver: Receiver) -> None:
    """The second webhook's first delivery does not wait for the first one's last."""
    with Receiver(always(delay_s=0.01)) as other:
        receiver.behaviour = always(delay_s=0.01)
        scene.add_webhook(receiver.url)
        scene.add_webhook(other.url)
        scene.emit(100)
        scene.deliver(dispatch_in_flight_per_webhook_max=2)
    mine = set(map(id, receiver.received))
    arrived = sorted(receiver.received + other.received, key=attrgetter("at_s"))
    assert len(arrived) == 200
    for half in (arrived[:100], arrived[100:]):
        assert 25 <= sum(id(received) in mine for received in half) <= 75


def test_a_receiver_never_sees_more_at_once_than_the_cap(scene: Scene, receiver: Receiver) -> None:
    is_full = threading.Event()

    def hold_until_full(_: Received) -> Reply:
        if receiver.most_at_once == 7:
            is_full.set()
        return Reply(after=is_full, delay_s=0.02)

    receiver.behaviour = hold_until_full
    scene.add_webhook(receiver.url, timeout_s=60)
    scene.emit(120)
    scene.deliver(dispatch_in_flight_per_webhook_max=7)
    assert receiver.most_at_once == 7
    assert len(receiver.received) == 120


def test_all_receivers_together_never_see_more_than_the_overall_cap(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(delay_s=0.02)
    for _ in range(3):
        scene.add_webhook(receiver.url)
    scene.emit(40)
    scene.deliver(dispatch_in_flight_max=5, dispatch_in_flight_per_webhook_max=4)
    assert receiver.most_at_once <= 5
    assert len(receiver.received) == 120


#: What they do, and how long they are given: only who goes on for ever is ended by the deadline.
HOSTILE = {
    "timeout_body": (hostile.drip_body, 2),
    "timeout_first_byte": (hostile.never_answer, 1),
    "reset": (hostile.reset_after_request, 60),
    "headers_too_large": (hostile.endless_headers, 60),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_receiver_fails_in_time_and_delays_nobody(
    scene: Scene, receiver: Receiver, kind: str
) -> None:
    behaviour, timeout_s = HOSTILE[kind]
    with hostile.Receiver(behaviour) as enemy:
        hook = scene.add_webhook(enemy.url, event_types=["post.failed"], timeout_s=timeout_s)
        fast = scene.add_webhook(receiver.url, event_types=["post.published"])
        scene.emit(5, event_type="post.failed")
        scene.emit(50)
        with scene.dispatching(dispatch_lease_s=300):
            scene.wait_until_settled(fast.id)
            scene.wait_until_settled(hook.id)
            enemy.is_stopping.set()
    attempts = scene.attempts(hook.id)
    assert [attempt.error_kind for attempt in attempts] == [kind] * 5
    assert scene.states(hook.id) == {"failed": 5}
    assert scene.states(fast.id) == {"succeeded": 50}


def test_an_endless_body_is_cut_and_counts_as_an_answer(scene: Scene) -> None:
    with hostile.Receiver(hostile.endless_body) as enemy:
        hook = scene.add_webhook(enemy.url, timeout_s=5)
        scene.emit(3)
        scene.deliver()
        enemy.is_stopping.set()
    assert scene.states(hook.id) == {"succeeded": 3}
    for attempt in scene.attempts(hook.id):
        assert attempt.response_truncated
        assert len(attempt.response_body or "") == scene.settings.response_body_max_bytes
