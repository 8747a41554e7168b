"""The dispatcher's transactions: short ones, run inline or on a thread beside the sockets.

On PostgreSQL a call waits for another process, so it runs on a thread while transfers go on. On SQLite it is
our own work: a thread would compete with the loop for the interpreter lock while it holds the one write lock
(measured: 59 ms a claim instead of 2.8 ms, and web requests waiting for a second), so it runs inline.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import structlog
from flask import Flask

from app.clock_skew import ClockWatch
from app.config import Settings
from app.db.session import reading
from app.extensions import db, sealer
from app.outbox import services as outbox
from app.webhooks.dispatch.circuit_breaker import record_outcomes
from app.webhooks.dispatch.claims import Claim, claim, find_changed, find_due_webhooks, give_back
from app.webhooks.dispatch.outcomes import Outcome
from app.webhooks.dispatch.results import REFUSALS, record, record_one_by_one, short_reason
from app.webhooks.dispatch.targets import Target, Targets

log = structlog.get_logger()

CLAIM_BATCH_MAX = 500

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class ClaimResult:
    """The rows claimed, their targets, and when the next delivery is due."""

    claim: Claim | None = None
    targets: dict[str, Target] = field(default_factory=dict)
    #: Webhooks that may have more due than there was room for.
    has_more: set[str] = field(default_factory=set)
    next_due_in_s: float | None = None
    #: Webhooks that were paused, deleted or edited since their waiting deliveries were claimed.
    changed: set[str] = field(default_factory=set)


class DeliveryStore:
    """Claims deliveries and records results. `submit()` runs one of its methods inline or on a thread, by the database."""

    def __init__(self, app: Flask, settings: Settings, *, on_done: Callable[[], None]) -> None:
        self._app = app
        self._settings = settings
        self._on_done = on_done
        self._targets = Targets(sealer())
        self._clock_watch = ClockWatch("worker")
        # One for claims, one for results: neither waits for the other, and results keep their order.
        is_apart = not settings.is_sqlite
        self._claiming = ThreadPoolExecutor(1, "claims") if is_apart else None
        self._recording = ThreadPoolExecutor(1, "results") if is_apart else None

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Return the future of a call: already done on SQLite; on PostgreSQL `on_done` is called when it is."""
        return self._submit(self._claiming, function, *args, **kwargs)

    def submit_write(self, outcomes: Sequence[Outcome]) -> "Future[list[str]]":
        """Return the future of `write(outcomes)`. Those submitted are written one after the other."""
        return self._submit(self._recording, self.write, outcomes)

    def _submit(
        self, threads: ThreadPoolExecutor | None, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> "Future[T]":
        if threads is None:
            future: Future[T] = Future()
            try:
                future.set_result(function(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)
            return future
        future = threads.submit(lambda: self._in_app(function, *args, **kwargs))
        future.add_done_callback(lambda _: self._on_done())
        return future

    def take(
        self,
        busy: Mapping[str, int],
        allowance: Mapping[str, int],
        default_allowance: int,
        left: int,
        waiting: Mapping[str, object],
    ) -> ClaimResult:
        """Claim what is due and has room, shared fairly among the webhooks that wait.

        `busy` counts what the dispatcher holds already, `allowance` how much it may hold, by webhook id;
        `left` is what it can hold in addition. No webhook gets more of that than is left for others. `waiting` has
        the versions of webhooks whose deliveries are held and not in transfer yet.
        """
        self._clock_watch.check_if_due()
        with reading(), db.engine.begin() as connection:
            changed = find_changed(connection, waiting)
            due_webhooks = find_due_webhooks(connection)
            targets = self._targets.load(connection, due_webhooks.due) if due_webhooks.due else {}
        result = ClaimResult(targets=targets, next_due_in_s=due_webhooks.next_due_in_s, changed=changed)
        free = {key: min(allowance.get(key, default_allowance), left) - busy.get(key, 0) for key in targets}
        free = {key: value for key, value in free.items() if value > 0}
        room = _shared(free, min(CLAIM_BATCH_MAX, left - left // (len(free) + 1)))
        result.has_more = set(targets) - set(room)
        if room:
            with db.engine.begin() as connection:
                result.claim = claim(connection, room, lease_s=self._settings.dispatch_lease_s)
            got: dict[str, int] = {}
            for row in result.claim.rows:
                got[row[1]] = got.get(row[1], 0) + 1
            result.has_more |= {key for key, value in room.items() if got.get(key, 0) >= value}
        return result

    def write(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Record a batch and what follows from it for its webhooks, in one transaction.

        Returns the ids of webhooks that were disabled by it.
        """
        try:
            disabled = self._write(outcomes, record)
        except REFUSALS as error:
            log.warning("batch_refused", size=len(outcomes), reason=short_reason(error))
            disabled = self._write(outcomes, record_one_by_one)
        if disabled:
            outbox.nudge()
        return disabled

    def give_back(self, ids: Sequence[str], lease: str) -> None:
        """Make claimed deliveries that were not sent due again at once."""
        with db.engine.begin() as connection:
            give_back(connection, ids, lease)

    def close(self) -> None:
        """Wait for calls that run, and end the threads."""
        for threads in (self._claiming, self._recording):
            if threads is not None:
                threads.shutdown(wait=True)

    def _in_app(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._app.app_context():
            return function(*args, **kwargs)

    @staticmethod
    def _write(outcomes: Sequence[Outcome], recorder: Callable[..., set[str]]) -> list[str]:
        with db.engine.begin() as connection:
            decided = recorder(connection, outcomes)
            return record_outcomes(connection, outcomes, decided)


def _shared(free: Mapping[str, int], total: int) -> dict[str, int]:
    """Return how much of `total` each may take: equal shares, and what one does not need goes to the others."""
    shares: dict[str, int] = {}
    left = max(0, total)
    for index, (key, wanted) in enumerate(sorted(free.items(), key=lambda item: item[1])):
        share = min(wanted, left // (len(free) - index))
        if share > 0:
            shares[key] = share
            left -= share
    return shares
