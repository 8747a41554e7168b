"""The loop: claims, transfers and recordings run at the same time, and none waits for another."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import cast

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.extensions import redis_client
from app.lib.outbound import AllowedNetworks, Multi, Request, Resolver, Result
from app.webhooks.dispatch.claims import Claim
from app.webhooks.dispatch.delivery_store import ClaimResult, DeliveryStore
from app.webhooks.dispatch.host_errors import log_host_errors
from app.webhooks.dispatch.messages import ClaimedDelivery, request_of
from app.webhooks.dispatch.outcomes import Outcome, outcome_of
from app.webhooks.dispatch.prefetch_buffer import PrefetchBuffer
from app.webhooks.dispatch.targets import Target
from app.webhooks.dispatch.wakeups import Wakeups

log = structlog.get_logger()

#: Results are recorded once there are so many; when recording lags, up to `RECORD_BATCH_MAX` share a transaction.
RECORD_BATCH = 200
RECORD_BATCH_MAX = 500
#: Batches submitted to the database at a time: the next one begins without waiting for this loop.
RECORDINGS_MAX = 2
#: A result waits at most so long for others to share its transaction.
RECORD_WITHIN_S = 0.02
#: Wake-ups that come closer together than this share a claim.
CLAIM_APART_S = 0.01
#: How often what is due is looked for without a wake-up.
POLL_INTERVAL_S = 1.0
#: With more unrecorded results than this nothing is claimed: a crash repeats their deliveries.
UNRECORDED_MAX = 2000
DATABASE_RETRY_S = 1.0
#: On stopping, transfers under way get this long to end; the leases of the rest end by themselves.
DRAIN_S = 10.0


class Dispatcher:
    """Sends what is due. Lives as long as its worker process: slices end, transfers and connections do not."""

    def __init__(self, app: Flask, settings: Settings, *, resolver: Resolver | None = None) -> None:
        self._settings = settings
        self._multi = Multi(
            AllowedNetworks.parse(settings.outbound_allowed_networks),
            ca_file=settings.outbound_ca_bundle or None,
            resolver=resolver,
        )
        self._wakeups = Wakeups(redis_client())
        self._wakeups.start()
        self._multi.register_waker(self._wakeups.fileno())
        self._store = DeliveryStore(app, settings, on_done=self._wakeups.wake)
        self._buffer = PrefetchBuffer(per_webhook_max=settings.dispatch_in_flight_per_webhook_max)
        self._claiming: Future[ClaimResult] | None = None
        self._recordings: deque[tuple[Future[list[str]], list[Outcome]]] = deque()
        self._unrecorded: deque[Outcome] = deque()
        self._oldest_unrecorded_s = 0.0
        #: Claiming waits for recording.
        self._is_behind = False
        self._claim_at_s = 0.0
        self._claimed_at_s = 0.0
        self._record_at_s = 0.0

    def run(self, *, for_s: float, slice_id: str, is_stopping: Callable[[], bool]) -> None:
        """Send for `for_s` seconds or until `is_stopping()`. The results of that time are recorded when it returns."""
        self._wakeups.slice_id = slice_id
        self._claim_at_s = 0.0
        ends_at_s = time.monotonic() + for_s
        while time.monotonic() < ends_at_s and not is_stopping():
            self._turn(ends_at_s)
        self._settle()
        self._wakeups.slice_id = None

    def close(self) -> None:
        """Stop for good: give back what was not sent, let transfers end, record, close the connections."""
        self._await_claim()
        # What waits for a name server has not been sent either.
        for request in self._multi.cancel_lookups():
            self._buffer.put_back(cast(ClaimedDelivery, request.tag))
        for lease, ids in self._buffer.take_back().items():
            self._try(self._store.give_back, ids, lease)
        ends_at_s = time.monotonic() + DRAIN_S
        while self._multi.in_flight and time.monotonic() < ends_at_s:
            self._take_results(self._multi.poll(0.2))
            self._record_if_useful()
        self._settle()
        self._multi.close()
        self._wakeups.close()
        self._store.close()

    def _turn(self, ends_at_s: float) -> None:
        self._finish_claim()
        self._finish_recordings()
        self._claim_if_useful()
        self._finish_claim()
        self._start_transfers()
        self._record_if_useful()
        self._take_results(self._multi.poll(self._poll_timeout_s(ends_at_s)))
        if self._wakeups.drain():
            self._claim_at_s = min(self._claim_at_s, self._claimed_at_s + CLAIM_APART_S)

    def _poll_timeout_s(self, ends_at_s: float) -> float:
        """Return how long the loop may wait for sockets and wake-ups."""
        wake_at_s = ends_at_s
        if self._claiming is None:
            wake_at_s = min(wake_at_s, self._claim_at_s)
        if self._unrecorded and not self._recordings:
            wake_at_s = min(wake_at_s, max(self._record_at_s, self._oldest_unrecorded_s + RECORD_WITHIN_S))
        return max(0.0, wake_at_s - time.monotonic())

    def _claim_if_useful(self) -> None:
        now_s = time.monotonic()
        if self._claiming is not None or now_s < self._claim_at_s:
            return
        if len(self._unrecorded) > UNRECORDED_MAX:
            self._claim_at_s = now_s + DATABASE_RETRY_S
            self._is_behind = True
            return
        buffer = self._buffer
        self._claim_at_s = now_s + POLL_INTERVAL_S
        self._claimed_at_s = now_s
        # Also with no room for more: a webhook whose deliveries wait here may have been paused or edited.
        self._claiming = self._store.submit(
            self._store.take,
            dict(buffer.held),
            buffer.allowances(),
            buffer.default_allowance,
            max(0, 2 * self._settings.dispatch_in_flight_max - buffer.total + self._resolving),
            buffer.waiting_versions(),
        )

    def _finish_claim(self) -> None:
        if self._claiming is None or not self._claiming.done():
            return
        future, self._claiming = self._claiming, None
        now_s = time.monotonic()
        try:
            result = future.result()
        except SQLAlchemyError as error:
            log.warning("claim_failed", reason=str(error).splitlines()[0])
            self._claim_at_s = now_s + DATABASE_RETRY_S
            return
        if result.next_due_in_s is not None:
            self._claim_at_s = min(self._claim_at_s, now_s + result.next_due_in_s)
        self._buffer.has_more = result.has_more
        self._give_back(result.changed)
        if result.claim is not None:
            self._buffer_claim(result.claim, result.targets)

    def _buffer_claim(self, claim: Claim, targets: Mapping[str, Target]) -> None:
        margin_s = min(5.0, self._settings.dispatch_lease_s / 4)
        for row in claim.rows:
            delivery_id, webhook_id, event_id, attempt_count, round_attempt_count, is_manual = row
            target = targets[webhook_id]
            self._buffer.add(
                ClaimedDelivery(
                    id=delivery_id,
                    webhook_id=webhook_id,
                    event_id=event_id,
                    attempt_count=attempt_count,
                    round_attempt_count=round_attempt_count,
                    is_manual=bool(is_manual),
                    body=claim.bodies[event_id],
                    lease=claim.lease,
                    target=target,
                    start_before_s=claim.ends_at_s - target.timeout_s - margin_s,
                )
            )

    @property
    def _resolving(self) -> int:
        """How many deliveries wait for name servers. Up to twice the overall cap, they take no room from others."""
        return min(self._multi.resolving, 2 * self._settings.dispatch_in_flight_max)

    def _start_transfers(self) -> None:
        room = self._settings.dispatch_in_flight_max - self._multi.in_flight + self._resolving
        if room <= 0 or not self._buffer.waiting:
            return
        for claimed in self._buffer.next_to_send(room, time.monotonic()):
            self._multi.add(request_of(claimed, max_body_bytes=self._settings.response_body_max_bytes))

    def _take_results(self, ended: list[tuple[Request, Result]]) -> None:
        if not ended:
            return
        if not self._unrecorded:
            self._oldest_unrecorded_s = time.monotonic()
        log_host_errors((cast(ClaimedDelivery, request.tag), result) for request, result in ended)
        for request, result in ended:
            claimed = cast(ClaimedDelivery, request.tag)
            self._unrecorded.append(outcome_of(claimed, result))
            if self._buffer.release(claimed, result.total_ms):
                self._claim_at_s = 0.0

    def _record_if_useful(self) -> None:
        if not self._unrecorded or len(self._recordings) >= RECORDINGS_MAX:
            return
        now_s = time.monotonic()
        is_full = len(self._unrecorded) >= RECORD_BATCH
        is_late = not self._recordings and now_s >= self._oldest_unrecorded_s + RECORD_WITHIN_S
        if now_s < self._record_at_s or not (is_full or is_late):
            return
        batch = [self._unrecorded.popleft() for _ in range(min(len(self._unrecorded), RECORD_BATCH_MAX))]
        self._oldest_unrecorded_s = now_s
        self._recordings.append((self._store.submit_write(batch), batch))
        self._finish_recordings()

    def _finish_recordings(self) -> None:
        while self._recordings and self._recordings[0][0].done():
            future, batch = self._recordings.popleft()
            try:
                disabled = future.result()
            except Exception as error:
                # Whatever the error, these attempts were made: recording them is tried again, sending them is not.
                if not isinstance(error, SQLAlchemyError):
                    log.exception("record_failed_unexpectedly", size=len(batch))
                log.warning("record_failed", size=len(batch), reason=next(iter(str(error).splitlines()), ""))
                self._unrecorded.extendleft(reversed(batch))
                self._record_at_s = time.monotonic() + DATABASE_RETRY_S
                continue
            if self._is_behind and len(self._unrecorded) <= UNRECORDED_MAX:
                self._is_behind = False
                self._claim_at_s = 0.0
            self._give_back(disabled)

    def _give_back(self, webhook_ids: Iterable[str]) -> None:
        """Give back the deliveries of these webhooks that wait here: they were paused, disabled or edited."""
        for webhook_id in webhook_ids:
            for lease, ids in self._buffer.take_back(webhook_id).items():
                # If this fails, their lease ends by itself.
                self._store.submit(self._store.give_back, ids, lease)

    def _settle(self) -> None:
        """Wait for the calls that run and record what is left, unless the database refuses."""
        self._await_claim()
        while self._recordings or self._unrecorded:
            if not self._recordings:
                self._record_at_s = self._oldest_unrecorded_s = 0.0
                self._record_if_useful()
            if self._recordings:
                self._recordings[0][0].exception()
                self._finish_recordings()
            if self._record_at_s > time.monotonic() and not self._recordings:
                return

    def _await_claim(self) -> None:
        if self._claiming is not None:
            self._claiming.exception()
            self._finish_claim()

    @staticmethod
    def _try(function: Callable[..., None], *args: object) -> None:
        try:
            function(*args)
        except SQLAlchemyError as error:
            log.warning("give_back_failed", reason=str(error).splitlines()[0])
