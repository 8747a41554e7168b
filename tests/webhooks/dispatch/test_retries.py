"""When a delivery is tried again, and when no more."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.lib import clock
from app.lib.outbound import Result
from app.webhooks.dispatch.outcomes import retry_after_s
from app.webhooks.rules import BACKOFF_MAX_S, JITTER, retry_schedule_s, retry_wait_s
from tests.webhooks.dispatch.receivers import Receiver, Reply, always, in_turn
from tests.webhooks.dispatch.scene import Scene, wait_until

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("attempt", "least_s"), [(1, 10), (2, 20), (3, 40), (8, 1280)])
def test_waits_grow_and_jitter_only_adds(attempt: int, least_s: float) -> None:
    waits = [retry_wait_s(attempt, first_retry_s=10, multiplier=2.0) for _ in range(200)]
    assert min(waits) >= least_s
    assert max(waits) <= least_s * (1 + JITTER)
    assert len(set(waits)) > 100


def test_no_wait_is_longer_than_a_day() -> None:
    assert retry_wait_s(15, first_retry_s=3600, multiplier=10.0) == BACKOFF_MAX_S
    assert retry_wait_s(1, first_retry_s=10, multiplier=2.0, retry_after_s=1e9) == BACKOFF_MAX_S


@pytest.mark.parametrize("retry_after", [None, 0.0, 5.0, 300.0])
def test_retry_after_only_ever_delays(retry_after: float | None) -> None:
    for _ in range(50):
        wait_s = retry_wait_s(1, first_retry_s=10, multiplier=2.0, retry_after_s=retry_after)
        assert wait_s >= max(10.0, retry_after or 0.0)


def test_the_shown_schedule_is_the_one_without_jitter() -> None:
    assert retry_schedule_s(max_retries=4, first_retry_s=10, multiplier=2.0) == [10, 20, 40, 80]
    assert retry_schedule_s(max_retries=0, first_retry_s=10, multiplier=2.0) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("9" * 400, 999_999_999.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("Sun, 32 Feb 2026 99:99:99 GMT", None),
        ("Sun, 01 Mar 2026 12:00:00 -0000", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 251_629_934_399.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_ignored(value: str, expected: float | None) -> None:
    result = Result(NOW, status_code=503, headers=[("X-Other", "1"), ("RETRY-AFTER", value)])
    assert retry_after_s(result, NOW) == expected


def _deliver_once(scene: Scene, webhook_id: str) -> None:
    scene.emit()
    with scene.dispatching():
        wait_until(lambda: scene.attempts(webhook_id))


@pytest.mark.parametrize(
    ("retry_after", "least_s"), [("60", 60), ("1", 30), ("whenever", 30), ("99999999999", BACKOFF_MAX_S)]
)
def test_a_receiver_can_ask_for_more_time(
    scene: Scene, receiver: Receiver, retry_after: str, least_s: float
) -> None:
    receiver.behaviour = always(503, headers=(("Retry-After", retry_after),))
    hook = scene.add_webhook(receiver.url, max_retries=1, first_retry_s=30)
    began_at = clock.now()
    _deliver_once(scene, hook.id)
    delivery = scene.delivery(hook.id)
    assert delivery.due_at is not None
    assert (delivery.due_at - began_at).total_seconds() >= least_s
    assert (delivery.due_at - clock.now()).total_seconds() <= min(least_s * (1 + JITTER), BACKOFF_MAX_S)
    assert (delivery.state, delivery.last_status, delivery.last_error) == ("pending", 503, "http_5xx")
    assert delivery.lease is None


def test_retries_end_after_the_chosen_number(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(500)
    hook = scene.add_webhook(receiver.url, max_retries=2)
    scene.emit()
    scene.deliver()
    delivery = scene.delivery(hook.id)
    assert (delivery.state, delivery.attempt_count, delivery.last_error) == ("failed", 3, "http_5xx")
    assert [attempt.number for attempt in scene.attempts(hook.id)] == [1, 2, 3]
    assert delivery.finished_at is not None


def test_no_retries_means_one_attempt(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(500)
    hook = scene.add_webhook(receiver.url, max_retries=0)
    scene.emit()
    scene.deliver()
    assert scene.states(hook.id) == {"failed": 1}
    assert len(receiver.received) == 1


def test_a_retry_that_succeeds_ends_it(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = in_turn(Reply(500), Reply(429), Reply(204, body=b""))
    hook = scene.add_webhook(receiver.url, max_retries=5)
    scene.emit()
    scene.deliver()
    delivery = scene.delivery(hook.id)
    assert (delivery.state, delivery.attempt_count, delivery.last_error) == ("succeeded", 3, None)
    assert [attempt.error_kind for attempt in scene.attempts(hook.id)] == ["http_5xx", "http_4xx", None]


def test_a_redirect_is_a_failure_and_its_target_is_never_visited(scene: Scene, receiver: Receiver) -> None:
    statuses = [301, 302, 303, 304, 307, 308]
    with Receiver() as target:
        location = (("Location", target.url),)
        receiver.behaviour = in_turn(*(Reply(status, b"", location) for status in statuses))
        hook = scene.add_webhook(receiver.url)
        scene.emit(len(statuses))
        scene.deliver()
        assert target.received == []
    assert sorted(attempt.status_code or 0 for attempt in scene.attempts(hook.id)) == statuses
    assert {attempt.error_kind for attempt in scene.attempts(hook.id)} == {"http_3xx"}
    assert scene.states(hook.id) == {"failed": len(statuses)}


def test_an_address_that_is_not_allowed_is_refused_and_tried_again(scene: Scene) -> None:
    hook = scene.add_webhook("http://10.1.2.3/hook", max_retries=1)
    scene.emit()
    scene.deliver()
    assert [attempt.error_kind for attempt in scene.attempts(hook.id)] == ["dns_failed"] * 2
    assert scene.delivery(hook.id).state == "failed"


def test_an_impossible_url_is_not_tried_again(scene: Scene) -> None:
    hook = scene.add_webhook("ftp://127.0.0.1/hook", max_retries=5)
    scene.emit()
    scene.deliver()
    assert scene.attempt(hook.id).error_kind == "url_invalid"
    assert scene.delivery(hook.id).state == "failed"


def test_a_refused_connection_is_recorded(scene: Scene) -> None:
    with Receiver() as receiver:
        url = receiver.url
    hook = scene.add_webhook(url)
    scene.emit()
    scene.deliver()
    attempt = scene.attempt(hook.id)
    assert (attempt.error_kind, attempt.status_code) == ("connect_refused", None)
    assert attempt.response_headers is None
    assert attempt.response_body is None
