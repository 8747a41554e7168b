"""The request of one attempt, as Standard Webhooks requires it (specification 1.0.0)."""

from dataclasses import dataclass

from app.lib import clock, signing
from app.lib.outbound import Request
from app.webhooks.dispatch.targets import Target

CONNECT_TIMEOUT_S = 10.0


@dataclass(slots=True)
class ClaimedDelivery:
    """A delivery under our lease, with what its next attempt needs."""

    id: str
    webhook_id: str
    event_id: str
    attempt_count: int
    round_attempt_count: int
    is_manual: bool
    body: bytes
    lease: str
    target: Target
    #: On the monotonic clock: an attempt may start until then and still end within the lease.
    start_before_s: float
    shown_headers: str = ""


def request_of(claimed: ClaimedDelivery, *, max_body_bytes: int) -> Request:
    """Return the signed request; stores in `claimed` the headers as they will be recorded.

    `webhook-id` is the event's id, the same on every attempt: by it receivers recognise a repetition.
    """
    target = claimed.target
    # Receivers refuse timestamps that are minutes off: this is the database's time, not that of this machine.
    timestamp_s = int(clock.epoch_s())
    signature = signing.sign(
        target.signing_key, message_id=claimed.event_id, timestamp_s=timestamp_s, body=claimed.body
    )
    own = (
        ("webhook-id", claimed.event_id),
        ("webhook-timestamp", str(timestamp_s)),
        ("webhook-signature", signature),
    )
    # Ids, digits and base64 need no escaping, and this runs for every attempt.
    claimed.shown_headers = (
        target.shown_start + "".join(f',["{name}","{value}"]' for name, value in own) + "]"
    )
    return Request(
        url=target.url,
        method="POST",
        headers=(*target.headers, *own),
        body=claimed.body,
        connect_timeout_s=min(CONNECT_TIMEOUT_S, target.timeout_s),
        timeout_s=target.timeout_s,
        max_body_bytes=max_body_bytes,
        owner=target.team_id,
        tag=claimed,
    )
