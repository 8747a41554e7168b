"""The hourly counts say the same as the attempts."""

from collections import Counter

import pytest

from tests.webhooks.dispatch.receivers import Received, Receiver, Reply
from tests.webhooks.dispatch.scene import Scene

pytestmark = pytest.mark.postgresql


def test_counts_equal_what_attempts_and_deliveries_say(scene: Scene, receiver: Receiver) -> None:
    seen: Counter[str] = Counter()

    def mixed(received: Received) -> Reply:
        seen[received.event_id] += 1
        number = sum(received.event_id.encode()) % 4
        if number == 0:
            return Reply(500)
        if number == 1:
            return Reply(500 if seen[received.event_id] < 2 else 200)
        return Reply(200)

    receiver.behaviour = mixed
    hook = scene.add_webhook(receiver.url, max_retries=1)
    scene.emit(120)
    scene.deliver()
    attempts, states, counts = scene.attempts(hook.id), scene.states(hook.id), scene.counts(hook.id)
    assert sum(count.attempts for count in counts) == len(attempts) == len(receiver.received)
    assert sum(count.attempt_failures for count in counts) == len([a for a in attempts if a.error_kind])
    assert sum(count.succeeded for count in counts) == states["succeeded"]
    assert sum(count.failed for count in counts) == states["failed"]
    assert states["succeeded"] + states["failed"] == 120
    total_ms = sum(attempt.total_ms or 0 for attempt in attempts)
    assert abs(sum(count.total_ms for count in counts) - total_ms) < 1
    assert {count.team_id for count in counts} == {scene.team_id}
