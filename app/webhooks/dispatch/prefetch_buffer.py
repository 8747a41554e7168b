"""The deliveries that the dispatcher has claimed: they wait for a transfer or are in one, by webhook."""

from collections import deque
from collections.abc import Iterator

from app.webhooks.dispatch.messages import ClaimedDelivery

#: So much is claimed ahead of the transfers, in multiples of the in-flight cap of a webhook. Receivers that
#: answer at once get more, so that they never wait for a claim; slow ones little, so that no lease runs out.
_AHEAD_MIN = 2
_AHEAD_MAX = 12
_AHEAD_FOR_MS = 1000.0
_SMOOTHING = 0.1


class PrefetchBuffer:
    """Claimed deliveries by webhook id, and which of them are sent next."""

    def __init__(self, *, per_webhook_max: int) -> None:
        self._per_webhook_max = per_webhook_max
        #: Claimed deliveries, whether waiting or in transfer, by webhook.
        self.held: dict[str, int] = {}
        self.total = 0
        #: Claimed deliveries that wait for a transfer, over all webhooks.
        self.waiting = 0
        #: Webhooks that had more due than room at the last claim.
        self.has_more: set[str] = set()
        self._in_transfer: dict[str, int] = {}
        self._buffers: dict[str, deque[ClaimedDelivery]] = {}
        self._typical_ms: dict[str, float] = {}

    @property
    def default_allowance(self) -> int:
        """How many deliveries to hold of a webhook whose response time is not known yet."""
        return self._per_webhook_max * _AHEAD_MIN

    def waiting_versions(self) -> dict[str, object]:
        """Return the oldest version of each webhook for which something waits for a transfer."""
        return {key: buffer[0].target.version for key, buffer in self._buffers.items() if buffer}

    def allowances(self) -> dict[str, int]:
        """Return how many deliveries to hold of each webhook, by how fast it answers."""
        return {key: self._allowance(typical_ms) for key, typical_ms in self._typical_ms.items()}

    def add(self, claimed: ClaimedDelivery) -> None:
        """Let a claimed delivery wait for its transfer."""
        key = claimed.webhook_id
        self.held[key] = self.held.get(key, 0) + 1
        self.total += 1
        self.waiting += 1
        self._buffers.setdefault(key, deque()).append(claimed)

    def next_to_send(self, count: int, now_s: float) -> Iterator[ClaimedDelivery]:
        """Yield up to `count` deliveries to start now, webhooks in turn, each within its in-flight cap.

        `count` is the room that is left for all. No webhook gets more in flight than is left for others: however many
        receivers hang, a receiver that does not gets room. A delivery that waited so long that
        its lease could end before its attempt does is dropped: its lease ends, and it is due again.
        """
        keys = deque(self._buffers)
        while keys and count > 0:
            key = keys.popleft()
            buffer = self._buffers[key]
            in_transfer = self._in_transfer.get(key, 0)
            if in_transfer >= min(self._per_webhook_max, count):
                continue
            claimed = buffer.popleft()
            self.waiting -= 1
            if buffer:
                keys.append(key)
            else:
                del self._buffers[key]
            if now_s > claimed.start_before_s:
                self._remove_one(key)
                continue
            self._in_transfer[key] = in_transfer + 1
            count -= 1
            yield claimed

    def release(self, claimed: ClaimedDelivery, total_ms: float | None) -> bool:
        """Record the end of a transfer; returns whether its webhook has room enough for another claim."""
        key = claimed.webhook_id
        self._end_transfer(key)
        if total_ms is not None:
            before = self._typical_ms.get(key, total_ms)
            self._typical_ms[key] = before + _SMOOTHING * (total_ms - before)
        held = self._remove_one(key)
        return key in self.has_more and 2 * held <= self._allowance(self._typical_ms.get(key))

    def put_back(self, claimed: ClaimedDelivery) -> None:
        """Let a delivery wait again whose transfer did not begin."""
        self._end_transfer(claimed.webhook_id)
        self._buffers.setdefault(claimed.webhook_id, deque()).append(claimed)
        self.waiting += 1

    def take_back(self, webhook_id: str | None = None) -> dict[str, list[str]]:
        """Remove what waits for a webhook, or for all; returns the ids by lease."""
        by_lease: dict[str, list[str]] = {}
        for key in list(self._buffers) if webhook_id is None else [webhook_id]:
            for claimed in self._buffers.pop(key, ()):
                by_lease.setdefault(claimed.lease, []).append(claimed.id)
                self.waiting -= 1
                self._remove_one(key)
        return by_lease

    def _allowance(self, typical_ms: float | None) -> int:
        if typical_ms is None:
            return self.default_allowance
        ahead = min(_AHEAD_MAX, max(_AHEAD_MIN, _AHEAD_FOR_MS / max(typical_ms, 1.0)))
        return int(self._per_webhook_max * ahead)

    def _end_transfer(self, key: str) -> None:
        in_transfer = self._in_transfer[key] - 1
        if in_transfer:
            self._in_transfer[key] = in_transfer
        else:
            del self._in_transfer[key]

    def _remove_one(self, key: str) -> int:
        """Count one delivery less of the webhook; returns how many are left."""
        self.total -= 1
        held = self.held[key] - 1
        if held:
            self.held[key] = held
        else:
            del self.held[key]
        return held
