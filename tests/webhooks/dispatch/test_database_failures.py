"""The database goes away at bad moments; what was sent is recorded when it is back, and sent once."""

import threading
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from app.extensions import db
from tests.webhooks.dispatch.receivers import Receiver, always
from tests.webhooks.dispatch.scene import Scene, wait_until

pytestmark = pytest.mark.postgresql


class Outage:
    """A switch: while it is on, nothing can be written. On PostgreSQL every connection is cut, too."""

    def __init__(self, log: list[MutableMapping[str, Any]]) -> None:
        self.is_on = threading.Event()
        self._log = log

    def begin(self) -> None:
        self.is_on.set()

    def end(self) -> None:
        self.is_on.clear()

    def failures(self) -> int:
        """Return how often the dispatcher could not claim or record."""
        return sum(entry["event"] in ("claim_failed", "record_failed") for entry in list(self._log))


@pytest.fixture
def outage(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    # Who waits for SQLite's one writer gives up soon.
    monkeypatch.setattr("app.db.session._BUSY_TIMEOUT_MS", 50)
    break_it = LockOut if scene.settings.is_sqlite else Cut
    with capture_logs() as log:
        made = Outage(log)
        with break_it(scene, made.is_on):
            yield made
            made.end()


class LockOut:
    """SQLite: hold the write lock."""

    def __init__(self, scene: Scene, switch: threading.Event) -> None:
        self._scene, self._switch = scene, switch
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._end = threading.Event()

    def __enter__(self) -> None:
        with self._scene.app.app_context():
            self._engine = db.engine
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(0.005):
            if not self._switch.is_set():
                continue
            with suppress(OperationalError), self._engine.begin():  # Somebody else writes: try again.
                while self._switch.is_set() and not self._end.wait(0.01):
                    pass


class Cut:
    """PostgreSQL: end every other connection again and again."""

    def __init__(self, scene: Scene, switch: threading.Event) -> None:
        self._scene, self._switch = scene, switch
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._end = threading.Event()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        with self._scene.app.app_context():
            db.engine.dispose()

    def _run(self) -> None:
        others = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        with self._scene.app.app_context(), db.engine.connect() as connection:
            while not self._end.wait(0.002):
                if self._switch.is_set():
                    connection.execute(others)
                    connection.rollback()


def test_results_that_could_not_be_recorded_are_recorded_later(
    scene: Scene, receiver: Receiver, outage: Outage
) -> None:
    has_begun = threading.Event()
    receiver.behaviour = always(after=has_begun)
    # Neither the receiver nor the lease runs out of time on a busy machine.
    hook = scene.add_webhook(receiver.url, timeout_s=60)
    event_ids = scene.emit(20)
    with scene.dispatching(dispatch_lease_s=300):
        wait_until(lambda: len(receiver.received) == 20)
        outage.begin()
        has_begun.set()
        wait_until(lambda: outage.failures() >= 2)
        outage.end()
        wait_until(lambda: _is_settled(scene))
    assert sorted(receiver.event_ids) == sorted(event_ids), "each was sent once: no result was forgotten"
    assert scene.states(hook.id) == {"succeeded": 20}
    assert len(scene.attempts(hook.id)) == 20
    (count,) = scene.counts(hook.id)
    assert (count.succeeded, count.attempts) == (20, 20)


def test_an_outage_before_the_claim_only_delays(scene: Scene, receiver: Receiver, outage: Outage) -> None:
    hook = scene.add_webhook(receiver.url, timeout_s=60)
    scene.emit(5)
    outage.begin()
    with scene.dispatching(dispatch_lease_s=300):
        wait_until(lambda: outage.failures() > 0)
        outage.end()
        wait_until(lambda: _is_settled(scene))
    assert scene.states(hook.id) == {"succeeded": 5}
    assert len(receiver.received) == 5


def _is_settled(scene: Scene) -> bool:
    """Return whether nothing is left to attempt; no as well when the test's own connection was cut."""
    try:
        return scene.is_settled()
    except OperationalError:
        return False
