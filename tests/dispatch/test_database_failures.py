"""The database goes away at bad moments; what was sent is recorded when it is back, and sent once."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, event, text

from app.extensions import db
from tests.dispatch.receivers import Received, Receiver, Reply, always
from tests.dispatch.scene import Scene, wait_until


@pytest.fixture
def broken(scene: Scene) -> Iterator[threading.Event]:
    """Yield a switch: while it is set, nothing can be written. On PostgreSQL every connection is cut, too."""
    switch = threading.Event()
    with scene.app.app_context():
        engine = db.engine
    break_it = LockOut if engine.dialect.name == "sqlite" else Cut
    with break_it(scene, switch):
        yield switch
        switch.clear()


class LockOut:
    """SQLite: hold the write lock, and let nobody wait long for it."""

    def __init__(self, scene: Scene, switch: threading.Event) -> None:
        self._scene, self._switch = scene, switch
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._end = threading.Event()

    def __enter__(self) -> None:
        with self._scene.app.app_context():
            self._engine = db.engine
        event.listen(self._engine, "begin", _be_impatient, insert=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        event.remove(self._engine, "begin", _be_impatient)
        self._engine.dispose()

    def _run(self) -> None:
        while not self._end.wait(0.005):
            if not self._switch.is_set():
                continue
            with self._engine.begin():
                while self._switch.is_set() and not self._end.wait(0.01):
                    pass


def _be_impatient(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA busy_timeout = 50")


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
    scene: Scene, receiver: Receiver, broken: threading.Event
) -> None:
    def break_the_database_then_answer(_: Received) -> Reply:
        broken.set()
        return Reply(delay_s=0.3)

    receiver.behaviour = break_the_database_then_answer
    hook = scene.add_webhook(receiver.url)
    event_ids = scene.emit(20)
    with scene.dispatching():
        wait_until(lambda: len(receiver.received) == 20)
        time.sleep(1.5)
        broken.clear()
        receiver.behaviour = always()
        scene.wait_until_settled()
    assert sorted(receiver.event_ids) == sorted(event_ids), "each was sent once: no result was forgotten"
    assert scene.states(hook.id) == {"succeeded": 20}
    assert len(scene.attempts(hook.id)) == 20
    (count,) = scene.counts(hook.id)
    assert (count.succeeded, count.attempts) == (20, 20)


def test_an_outage_before_the_claim_only_delays(
    scene: Scene, receiver: Receiver, broken: threading.Event
) -> None:
    hook = scene.add_webhook(receiver.url)
    scene.emit(5)
    broken.set()
    with scene.dispatching():
        time.sleep(1.0)
        broken.clear()
        scene.wait_until_settled()
    assert scene.states(hook.id) == {"succeeded": 5}
    assert len(receiver.received) == 5
