"""One dispatching process with events that arrive one by one, beside webhooks whose names never resolve, or without.

Answers with how long each event took from its commit to its receiver's answer, for a known name and for fresh ones.
"""

import os
import threading
import time
from typing import Any

from sqlalchemy import insert

from app.events.models import Event
from app.events.rules import encode_event
from app.extensions import current_settings, db
from app.factory import create_app
from app.jobs.heartbeats import nudge_dispatch
from app.lib import clock
from app.lib.ids import new_id
from app.lib.outbound import Resolver
from app.webhooks.dispatch.dispatcher import Dispatcher
from app.webhooks.dispatch.tuning import tune_process
from app.webhooks.models import Delivery
from bench import seed
from bench.children import answer, read_settings

_DEAD_SUFFIX = ".dead.test"
_LOOK_UP_S = 0.002
_EVERY_S = 0.02
_HEAD_START_S = 0.5
_PATIENCE_S = 60.0


def main(wanted: dict[str, Any]) -> None:
    """Dispatch until all events to healthy webhooks have arrived."""
    app = create_app()
    tune_process()
    is_over = threading.Event()
    with app.app_context():
        for webhook_id in wanted["dead_ids"]:
            emit(wanted["team_id"], webhook_id, wanted["deliveries_each"])
        dispatcher = Dispatcher(app, current_settings(), resolver=Resolver(look_up))
        feeding = Feeding(wanted["team_id"], wanted["known_id"], wanted["fresh_ids"])
        take_results = dispatcher._take_results

        def timed_results(ended: Any) -> None:
            for request, result in ended:
                if result.status_code == 200:
                    feeding.arrived_s[request.tag.event_id] = time.monotonic()
            take_results(ended)

        dispatcher._take_results = timed_results  # type: ignore[method-assign]
        thread = threading.Thread(target=feeding.run, args=(app, is_over), daemon=True)
        thread.start()
        dispatcher.run(for_s=_PATIENCE_S, slice_id=new_id("slice"), is_stopping=is_over.is_set)
        answer(known_ms=feeding.took_ms(is_fresh=False), fresh_ms=feeding.took_ms(is_fresh=True))
    # What hangs at a dead name is not waited for; its leases end by themselves.
    os._exit(0)


class Feeding:
    """Emits events for a known name and a fresh one in turn."""

    def __init__(self, team_id: str, known_id: str, fresh_ids: list[str]) -> None:
        self._team_id = team_id
        self._known_id = known_id
        self._fresh_ids = fresh_ids
        self._emitted: dict[str, tuple[bool, float]] = {}
        self.arrived_s: dict[str, float] = {}

    def run(self, app: Any, is_over: threading.Event) -> None:
        """Emit at a steady rate, wait until all arrived, and say so."""
        with app.app_context():
            time.sleep(_HEAD_START_S)
            # The first delivery of a process loads code, and makes the name a known one.
            (first_id,) = emit(self._team_id, self._known_id, 1)
            self._await({first_id})
            for fresh_id in self._fresh_ids:
                for webhook_id in (self._known_id, fresh_id):
                    (event_id,) = emit(self._team_id, webhook_id, 1)
                    self._emitted[event_id] = webhook_id == fresh_id, time.monotonic()
                    time.sleep(_EVERY_S)
            self._await(self._emitted.keys())
            is_over.set()
            nudge_dispatch()

    def took_ms(self, *, is_fresh: bool) -> list[float]:
        """Return the times of what arrived."""
        return [
            1000 * (self.arrived_s[event_id] - emitted_s)
            for event_id, (was_fresh, emitted_s) in self._emitted.items()
            if was_fresh == is_fresh and event_id in self.arrived_s
        ]

    def _await(self, event_ids: Any) -> None:
        while not event_ids <= self.arrived_s.keys():
            time.sleep(0.01)


def emit(team_id: str, webhook_id: str, count: int) -> list[str]:
    """Store events, each with one delivery that is due, in one transaction, and nudge; return their ids."""
    now, ids = clock.now(), []
    with db.engine.begin() as connection:
        for _ in range(count):
            event_id = new_id("evt")
            ids.append(event_id)
            envelope = encode_event(event_id, seed.EVENT_TYPE, {"text": "x"}, moment=now)
            common = {"team_id": team_id, "created_at": now}
            connection.execute(
                insert(Event),
                common
                | {
                    "id": event_id,
                    "type": seed.EVENT_TYPE,
                    "body": envelope.body,
                    "request_digest": envelope.digest,
                },
            )
            connection.execute(
                insert(Delivery),
                common
                | {
                    "id": new_id("dlv"),
                    "event_id": event_id,
                    "webhook_id": webhook_id,
                    "event_type": seed.EVENT_TYPE,
                    "state": "pending",
                    "due_at": now,
                },
            )
    nudge_dispatch()
    return ids


def look_up(host: str) -> list[str]:
    """Resolve to loopback in the time that a name server near by takes, or never."""
    if host.endswith(_DEAD_SUFFIX):
        threading.Event().wait()
    time.sleep(_LOOK_UP_S)
    return ["127.0.0.1"]


if __name__ == "__main__":
    main(read_settings())
