"""Who may send a delivery, and whose result counts."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from app.extensions import db, sealer
from app.lib import clock
from app.lib.outbound import Result
from app.webhooks.dispatch.circuit_breaker import record_outcomes
from app.webhooks.dispatch.claims import Claim, claim, find_due_webhooks, give_back
from app.webhooks.dispatch.messages import ClaimedDelivery, request_of
from app.webhooks.dispatch.outcomes import outcome_of
from app.webhooks.dispatch.results import record
from app.webhooks.dispatch.targets import Targets
from app.webhooks.services.webhooks import delete_webhook, resume_webhook
from tests.webhooks.dispatch.receivers import Receiver, always
from tests.webhooks.dispatch.scene import Scene, wait_until

pytestmark = pytest.mark.postgresql

LONG_S = 60.0


@pytest.fixture
def engine(scene: Scene) -> Engine:
    with scene.app.app_context():
        return db.engine


def take(engine: Engine, *webhook_ids: str, count: int = 100, lease_s: float = LONG_S) -> Claim:
    with engine.begin() as connection:
        return claim(connection, dict.fromkeys(webhook_ids, count), lease_s=lease_s)


def finish(scene: Scene, engine: Engine, taken: Claim, status: int) -> set[str]:
    """Record for every row of the claim that the receiver answered `status`."""
    with engine.begin() as connection, scene.app.app_context():
        versions: dict[str, object] = {row[1]: None for row in taken.rows}
        targets = Targets(sealer()).load(connection, versions)
        outcomes = []
        for row in taken.rows:
            claimed = ClaimedDelivery(
                *row, taken.bodies[row[2]], taken.lease, targets[row[1]], start_before_s=0.0
            )
            request_of(claimed, max_body_bytes=10)
            outcomes.append(outcome_of(claimed, Result(clock.now(), status_code=status, total_ms=1.0)))
        decided = record(connection, outcomes)
        record_outcomes(connection, outcomes, decided)
        return decided


def test_a_claim_takes_the_oldest_and_no_more_than_its_room(scene: Scene, engine: Engine) -> None:
    hook = scene.add_webhook("http://127.0.0.1:9/")
    event_ids = scene.emit(5)
    taken = take(engine, hook.id, count=3)
    assert {row[2] for row in taken.rows} == set(event_ids[:3])
    rest = take(engine, hook.id)
    assert {row[2] for row in rest.rows} == set(event_ids[3:])
    assert take(engine, hook.id).rows == []


def test_a_claim_moves_due_at_past_the_lease(scene: Scene, engine: Engine) -> None:
    hook = scene.add_webhook("http://127.0.0.1:9/")
    scene.emit()
    before, before_s = clock.now(), time.monotonic()
    taken = take(engine, hook.id)
    after, after_s = clock.now(), time.monotonic()
    delivery = scene.delivery(hook.id)
    assert (delivery.state, delivery.lease) == ("pending", taken.lease)
    assert delivery.due_at is not None
    assert before <= delivery.due_at - timedelta(seconds=LONG_S) <= after
    assert before_s <= taken.ends_at_s - LONG_S <= after_s


def test_what_a_dead_sender_claimed_is_due_again_after_its_lease(scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url)
    scene.emit(3)
    with scene.app.app_context():
        abandoned = take(db.engine, hook.id, lease_s=1.5)
    assert len(abandoned.rows) == 3
    ends_at = min(delivery.due_at for delivery in scene.deliveries(hook.id) if delivery.due_at)
    with scene.dispatching():
        scene.wait_until_settled()
    assert clock.now() >= ends_at
    assert all(attempt.started_at >= ends_at for attempt in scene.attempts(hook.id))
    assert scene.states(hook.id) == {"succeeded": 3}
    assert len(receiver.received) == 3


def test_a_result_under_a_lost_lease_changes_nothing_but_is_kept(scene: Scene, engine: Engine) -> None:
    hook = scene.add_webhook("http://127.0.0.1:9/")
    scene.emit()
    late = take(engine, hook.id, lease_s=-1)
    newer = take(engine, hook.id)
    assert len(late.rows) == len(newer.rows) == 1
    assert finish(scene, engine, newer, 200) != set()
    assert finish(scene, engine, late, 500) == set()
    delivery = scene.delivery(hook.id)
    assert (delivery.state, delivery.attempt_count, delivery.last_status) == ("succeeded", 1, 200)
    assert [(a.status_code, a.is_superseded) for a in scene.attempts(hook.id)] == [(200, False), (500, True)]
    assert scene.webhook(hook.id).consecutive_failures == 0
    (count,) = scene.counts(hook.id)
    assert (count.succeeded, count.failed, count.attempts, count.attempt_failures) == (1, 0, 2, 1)


def test_a_late_result_does_not_end_the_newer_lease(scene: Scene, engine: Engine) -> None:
    hook = scene.add_webhook("http://127.0.0.1:9/")
    scene.emit()
    late = take(engine, hook.id, lease_s=-1)
    newer = take(engine, hook.id)
    finish(scene, engine, late, 200)
    delivery = scene.delivery(hook.id)
    assert (delivery.state, delivery.lease, delivery.attempt_count) == ("pending", newer.lease, 0)


def test_a_result_after_deletion_is_superseded(scene: Scene, engine: Engine) -> None:
    hook = scene.add_webhook("http://127.0.0.1:9/")
    scene.emit()
    taken = take(engine, hook.id)
    with scene.app.app_context():
        assert delete_webhook(scene.team_id, hook.id) == 1
    # The target was read before: its secret is gone from the database now.
    assert _finish_with_target_of_before(scene, engine, taken) == set()
    assert scene.delivery(hook.id).state == "cancelled"
    assert scene.attempt(hook.id).is_superseded


def _finish_with_target_of_before(scene: Scene, engine: Engine, taken: Claim) -> set[str]:
    twin = scene.add_webhook("http://127.0.0.1:9/")
    with engine.begin() as connection, scene.app.app_context():
        (target,) = Targets(sealer()).load(connection, {twin.id: None}).values()
        row = taken.rows[0]
        claimed = ClaimedDelivery(*row, taken.bodies[row[2]], taken.lease, target, start_before_s=0.0)
        return record(connection, [outcome_of(claimed, Result(clock.now(), status_code=200))])


def test_a_webhook_deleted_while_sending_gets_its_last_result_recorded(
    scene: Scene, receiver: Receiver
) -> None:
    is_deleted = threading.Event()
    receiver.behaviour = always(200, after=is_deleted)
    hook = scene.add_webhook(receiver.url, timeout_s=30)
    scene.emit()
    with scene.dispatching():
        wait_until(lambda: receiver.received)
        with scene.app.app_context():
            delete_webhook(scene.team_id, hook.id)
        is_deleted.set()
        wait_until(lambda: scene.attempts(hook.id))
    assert scene.delivery(hook.id).state == "cancelled"
    assert scene.attempt(hook.id).is_superseded


def test_resuming_sends_what_waited(scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url, status="paused")
    event_ids = scene.emit(3)
    with scene.dispatching():
        with scene.app.app_context():
            resume_webhook(scene.team_id, hook.id, backlog="send")
        scene.wait_until_settled()
    assert sorted(receiver.event_ids) == sorted(event_ids)


def test_resuming_with_discard_sends_nothing_old(scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url, status="paused")
    scene.emit(3)
    with scene.app.app_context():
        resume_webhook(scene.team_id, hook.id, backlog="discard")
    (fresh,) = scene.emit()
    scene.deliver()
    assert receiver.event_ids == [fresh]
    assert scene.states(hook.id) == {"cancelled": 3, "succeeded": 1}


def test_given_back_is_due_at_once_and_only_under_its_own_lease(scene: Scene, engine: Engine) -> None:
    hook = scene.add_webhook("http://127.0.0.1:9/")
    scene.emit(2)
    first = take(engine, hook.id, count=1)
    second = take(engine, hook.id, count=1)
    with engine.begin() as connection:
        give_back(connection, [first.rows[0][0], second.rows[0][0]], first.lease)
    again = take(engine, hook.id)
    assert [row[0] for row in again.rows] == [first.rows[0][0]]


def test_due_webhooks_are_found_with_the_time_of_the_next_delivery(scene: Scene, engine: Engine) -> None:
    due = scene.add_webhook("http://127.0.0.1:9/", event_types=["post.published"])
    later = scene.add_webhook("http://127.0.0.1:9/", event_types=["post.failed"])
    paused = scene.add_webhook("http://127.0.0.1:9/", status="paused")
    scene.emit()
    scene.emit(event_type="post.failed")
    scene.change_deliveries(later.id, due_at=clock.now() + timedelta(seconds=600))
    with engine.begin() as connection:
        ready = find_due_webhooks(connection)
    assert set(ready.due) == {due.id}
    assert ready.next_due_in_s is not None
    assert 0 < ready.next_due_in_s <= 600
    assert paused.id not in ready.due


def test_a_stopping_dispatcher_gives_back_what_it_did_not_send(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(200, delay_s=0.5)
    hook = scene.add_webhook(receiver.url)
    scene.emit(20)
    with scene.dispatching(dispatch_in_flight_per_webhook_max=2, dispatch_lease_s=300):
        wait_until(lambda: receiver.received)
    states = scene.states(hook.id)
    assert states["succeeded"] == len(receiver.received)
    left = [d for d in scene.deliveries(hook.id) if d.state == "pending"]
    assert len(left) == 20 - len(receiver.received)
    assert all(d.lease is None and d.due_at and d.due_at <= clock.now() for d in left)


def test_what_waited_too_long_in_the_buffer_is_not_sent_under_its_old_lease(
    scene: Scene, receiver: Receiver
) -> None:
    receiver.behaviour = always(200, delay_s=0.6)
    hook = scene.add_webhook(receiver.url, timeout_s=3)
    scene.emit(5)
    # One at a time: a claim's lease of 5 s (less timeout and margin) ends before its buffer is empty.
    with scene.dispatching(dispatch_in_flight_per_webhook_max=1, dispatch_lease_s=5.0):
        scene.wait_until_settled()
    assert scene.states(hook.id) == {"succeeded": 5}
    assert not any(attempt.is_superseded for attempt in scene.attempts(hook.id))
    assert len(receiver.event_ids) == len(set(receiver.event_ids)) == 5


def test_two_dispatchers_never_send_the_same_delivery(scene: Scene, receiver: Receiver) -> None:
    hooks = [scene.add_webhook(receiver.url) for _ in range(3)]
    event_ids = scene.emit(150)
    with scene.dispatching(), scene.dispatching():
        scene.wait_until_settled()
    assert sorted(receiver.event_ids) == sorted(event_ids * 3)
    for hook in hooks:
        assert scene.states(hook.id) == {"succeeded": 150}
        assert len(scene.attempts(hook.id)) == 150
        assert not any(attempt.is_superseded for attempt in scene.attempts(hook.id))
