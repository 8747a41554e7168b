"""What arrives is what Standard Webhooks promises, checked by the libraries that receivers use."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
import svix

from app.lib import signing
from tests.webhooks.dispatch.receivers import Receiver, Reply, in_turn
from tests.webhooks.dispatch.scene import Scene

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP_S = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_vector_of_the_specification_is_met() -> None:
    key = signing.secret_key(SECRET)
    assert signing.sign(key, message_id=MESSAGE_ID, timestamp_s=TIMESTAMP_S, body=BODY) == SIGNATURE


def test_the_reference_library_signs_the_same() -> None:
    moment = datetime.fromtimestamp(TIMESTAMP_S, UTC)
    assert standardwebhooks.Webhook(SECRET).sign(MESSAGE_ID, moment, BODY.decode()) == SIGNATURE


@pytest.mark.parametrize("library", [standardwebhooks, svix])
def test_a_received_delivery_verifies(library: Any, scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url)
    (event_id,) = scene.emit()
    scene.deliver()
    (received,) = receiver.received
    library.Webhook(hook.secret).verify(received.body, received.headers)
    envelope = json.loads(received.body)
    assert envelope["id"] == event_id
    assert envelope["type"] == "post.published"
    assert envelope["data"] == {"index": 0}
    assert datetime.fromisoformat(envelope["timestamp"]).tzinfo is not None


def test_a_changed_body_does_not_verify(scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url)
    scene.emit()
    scene.deliver()
    (received,) = receiver.received
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(hook.secret).verify(received.body + b" ", received.headers)


def test_retries_keep_id_and_body_and_sign_anew(scene: Scene, receiver: Receiver) -> None:
    hook = scene.add_webhook(receiver.url, max_retries=2, first_retry_s=1, retry_multiplier=1.0)
    receiver.behaviour = in_turn(Reply(500), Reply(503), Reply(200))
    (event_id,) = scene.emit()
    scene.deliver()
    assert receiver.event_ids == [event_id] * 3
    assert len({received.body for received in receiver.received}) == 1
    timestamps = [int(received.headers["webhook-timestamp"]) for received in receiver.received]
    assert timestamps[0] < timestamps[1] < timestamps[2]
    for received in receiver.received:
        standardwebhooks.Webhook(hook.secret).verify(received.body, received.headers)
    assert scene.delivery(hook.id).state == "succeeded"


def test_the_webhooks_own_headers_and_ours_arrive(scene: Scene, receiver: Receiver) -> None:
    scene.add_webhook(receiver.url, headers=[("X-Tenant", "acme"), ("Authorization", "Bearer abc")])
    scene.emit()
    scene.deliver()
    headers = receiver.received[0].headers
    assert headers["x-tenant"] == "acme"
    assert headers["authorization"] == "Bearer abc"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("Signalbox/")
