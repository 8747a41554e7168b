"""Every attempt is written down completely, whatever the receiver sent back."""

import json
from contextlib import ExitStack
from datetime import timedelta

import pytest

from app.lib import clock
from app.lib.redact import MASK
from tests import hostile_receivers as hostile
from tests.webhooks.dispatch.receivers import Receiver, always
from tests.webhooks.dispatch.scene import Hook, Scene

pytestmark = pytest.mark.postgresql


def test_an_attempt_records_everything(scene: Scene, receiver: Receiver) -> None:
    receiver.behaviour = always(
        200, body=b"thanks", headers=(("X-Trace", "t-1"), ("Set-Cookie", "sid=secret"))
    )
    hook = scene.add_webhook(receiver.url, headers=[("X-Api-Key", "hush"), ("X-Tenant", "acme")])
    scene.emit()
    scene.deliver()
    attempt = scene.attempt(hook.id)
    assert (attempt.number, attempt.trigger, attempt.url) == (1, "automatic", receiver.url)
    assert (attempt.status_code, attempt.error_kind, attempt.error_detail) == (200, None, None)
    assert not attempt.is_superseded
    assert attempt.remote_address == "127.0.0.1"
    assert clock.now() - attempt.started_at < timedelta(seconds=30)
    sent = dict(json.loads(attempt.request_headers))
    assert sent["X-Api-Key"] == MASK
    assert sent["X-Tenant"] == MASK
    assert sent["webhook-id"] == receiver.received[0].event_id
    assert sent["webhook-signature"] == receiver.received[0].headers["webhook-signature"]
    assert attempt.response_headers is not None
    got = dict(json.loads(attempt.response_headers))
    assert got["X-Trace"] == "t-1"
    assert got["Set-Cookie"] == MASK
    assert (attempt.response_body, attempt.response_truncated) == ("thanks", False)
    assert attempt.tls_ms is None
    for duration_ms in (attempt.dns_ms, attempt.connect_ms, attempt.first_byte_ms, attempt.total_ms):
        assert duration_ms is not None
        assert 0 <= duration_ms < 10_000
    delivery = scene.delivery(hook.id)
    assert (delivery.state, delivery.attempt_count, delivery.last_status) == ("succeeded", 1, 200)
    assert (delivery.due_at, delivery.lease, delivery.last_error) == (None, None, None)
    assert delivery.finished_at is not None


def test_an_attempt_holds_no_secret(scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url, headers=[("Authorization", "Bearer very-hush")])
    scene.emit()
    scene.deliver()
    attempt = scene.attempt(hook.id)
    stored = " ".join(str(value) for value in vars(attempt).values())
    assert "very-hush" not in stored
    assert hook.secret not in stored


@pytest.mark.parametrize(
    ("echo", "shown"),
    [
        (b"Authorization: Bearer 3x+/hush&Hush==", f"Authorization: {MASK}"),
        (b'{"token": "3x+/hush&Hush=="}', f'{{"token": "{MASK}"}}'),
        (rb'{"token": "3x+\/hush&Hush=="}', f'{{"token": "{MASK}"}}'),
        (b"/next?token=3x%2B%2Fhush%26Hush%3D%3D", f"/next?token={MASK}"),
        (b"/next?token=3x%2b%2fhush%26Hush%3d%3d", f"/next?token={MASK}"),
        (b"<p>3x+/hush&amp;Hush==</p>", f"<p>{MASK}</p>"),
    ],
    ids=["whole", "token", "escaped slash", "percent", "percent in lower case", "HTML"],
)
def test_secret_header_that_the_receiver_repeats_is_masked_however_it_is_written(
    scene: Scene, receiver: Receiver, echo: bytes, shown: str
) -> None:
    receiver.behaviour = always(200, body=echo)
    hook = scene.add_webhook(receiver.url, headers=[("Authorization", "Bearer 3x+/hush&Hush==")])
    scene.emit()
    scene.deliver()

    assert scene.attempt(hook.id).response_body == shown


@pytest.mark.parametrize(("size", "is_cut"), [(1023, False), (1024, False), (1025, True), (200_000, True)])
def test_a_body_is_capped_and_marked(scene: Scene, receiver: Receiver, size: int, is_cut: bool) -> None:
    receiver.behaviour = always(200, body=b"x" * size)
    hook = scene.add_webhook(receiver.url)
    scene.emit()
    scene.deliver(response_body_max_bytes=1024)
    attempt = scene.attempt(hook.id)
    assert attempt.response_body == "x" * min(size, 1024)
    assert attempt.response_truncated is is_cut
    assert scene.delivery(hook.id).state == "succeeded"


WEIRD_ANSWERS = {
    "NUL in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na\x00b\x00c",
    "invalid UTF-8 in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xfe\xc3(",
    "a surrogate in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xed\xa0\x80",
    "an escaped NUL in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n\\u0000\\x00",
    "bytes in a header": b"HTTP/1.1 200 OK\r\nX-Odd: \xff\xfe\x80\r\nContent-Length: 2\r\n\r\nok",
    "an escaped NUL in a header": b"HTTP/1.1 200 OK\r\nX-Odd: \\u0000\r\nContent-Length: 2\r\n\r\nok",
    "controls in a header": b"HTTP/1.1 200 OK\r\nX-Odd: \x01\x1b[31m\x7f\r\nContent-Length: 2\r\n\r\nok",
    "a header without a value": b"HTTP/1.1 200 OK\r\nX-Odd:\r\nContent-Length: 2\r\n\r\nok",
    "quotes and braces": b"HTTP/1.1 200 OK\r\nX-Odd: \"}]{[';--\r\nContent-Length: 12\r\n\r\n\"'}]\\\\,(){};$",
    "no reason": b"HTTP/1.1 204\r\nX-Odd: 1\r\n\r\n",
}


def test_weird_answers_are_recorded(scene: Scene) -> None:
    hooks = _answers_recorded(scene, WEIRD_ANSWERS)
    for name, hook in hooks.items():
        attempts = scene.attempts(hook.id)
        assert [attempt.number for attempt in attempts] == [1, 1], name
        for attempt in attempts:
            assert attempt.status_code in (200, 204), name
            assert isinstance(json.loads(attempt.response_headers or ""), list), name
            assert "\x00" not in (attempt.response_body or ""), name
        assert scene.states(hook.id) == {"succeeded": 2}, name


def _answers_recorded(scene: Scene, answers: dict[str, bytes]) -> dict[str, Hook]:
    """Deliver two events to a receiver for each of the answers; returns their webhooks."""
    with ExitStack() as receivers:
        hooks = {}
        for name, answer in answers.items():
            behaviour = hostile.answer(answer, close=True)
            receiver = receivers.enter_context(hostile.Receiver(behaviour))
            hooks[name] = scene.add_webhook(receiver.url)
        scene.emit(2)
        scene.deliver()
    return hooks


INVALID_ANSWERS = {
    "NUL in a header": b"HTTP/1.1 200 OK\r\nX-Odd: a\x00b\r\nContent-Length: 2\r\n\r\nok",
    "a line without a colon": b"HTTP/1.1 200 OK\r\nodd\r\nContent-Length: 2\r\n\r\nok",
    "no HTTP": b"\x00\xff\xfe SSH-2.0\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
}


def test_answers_that_are_no_http_are_failures_and_recorded(scene: Scene) -> None:
    hooks = _answers_recorded(scene, INVALID_ANSWERS)
    for name, hook in hooks.items():
        kinds = [attempt.error_kind for attempt in scene.attempts(hook.id)]
        assert kinds == ["response_invalid"] * 2, name
        assert scene.states(hook.id) == {"failed": 2}, name


def test_one_answer_that_cannot_be_stored_does_not_prevent_others_from_being_recorded(
    scene: Scene, receiver: Receiver
) -> None:
    hooks = [scene.add_webhook(receiver.url) for _ in range(2)]
    scene.emit(20)
    # A number no column takes stands for whatever a database refuses in one row of a batch.
    scene.change_deliveries(hooks[0].id, attempt_count=2**31 - 1 if _is_postgresql(scene) else 2**63 - 1)
    scene.deliver(hooks[1].id)
    assert scene.states(hooks[1].id) == {"succeeded": 20}
    assert len(scene.attempts(hooks[1].id)) == 20


def _is_postgresql(scene: Scene) -> bool:
    return not scene.settings.is_sqlite


def test_an_old_url_stays_with_its_attempt(scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url, max_retries=1, first_retry_s=0)
    receiver.behaviour = always(500)
    scene.change_webhook(hook.id, status="paused")
    scene.emit()
    scene.change_webhook(hook.id, status="active", max_retries=0)
    scene.deliver()
    scene.change_webhook(hook.id, url=receiver.url + "/new")
    scene.change_deliveries(hook.id, state="pending", due_at=clock.now(), round_attempt_count=0)
    scene.deliver()
    assert [attempt.url for attempt in scene.attempts(hook.id)] == [receiver.url, receiver.url + "/new"]
    assert [attempt.number for attempt in scene.attempts(hook.id)] == [1, 2]


def test_a_retry_by_hand_is_recorded_as_such(scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url)
    scene.emit()
    scene.deliver()
    scene.change_deliveries(
        hook.id, state="pending", due_at=clock.now(), is_manual=True, round_attempt_count=0
    )
    scene.deliver()
    assert [attempt.trigger for attempt in scene.attempts(hook.id)] == ["automatic", "manual"]
    delivery = scene.delivery(hook.id)
    assert (delivery.attempt_count, delivery.is_manual) == (2, False)
