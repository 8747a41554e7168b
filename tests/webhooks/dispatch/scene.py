"""A team with webhooks and events in a real database, and dispatchers to let loose on it."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Flask
from sqlalchemy import func, select, update

from app.accounts.models import Team
from app.config import Settings
from app.db.session import reading
from app.events import services as events
from app.events.models import Event
from app.extensions import db, sealer
from app.jobs.heartbeats import nudge_dispatch
from app.lib import signing
from app.lib.ids import new_id
from app.lib.outbound import Resolver
from app.webhooks.dispatch.dispatcher import Dispatcher
from app.webhooks.models import Attempt, Delivery, DeliveryCount, Webhook

EVENT_TYPE = "post.published"
#: How long a condition may take to come true: it bounds a failure, and says nothing about speed.
PATIENCE_S = 100.0


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook of the scene, and the secret its receiver knows."""

    id: str
    secret: str


def wait_until(condition: Callable[[], object], *, within_s: float = PATIENCE_S) -> None:
    """Return as soon as the condition holds. Fails when it does not within the time."""
    ends_at_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_at_s, f"it did not happen within {within_s:g} s"
        time.sleep(0.02)


class Scene:
    """One team. Everything it returns is detached from the database."""

    def __init__(self, app: Flask, team_id: str) -> None:
        self.app = app
        self.team_id = team_id
        self.settings: Settings = app.config["SETTINGS"]
        #: How dispatchers look names up; None: as the system does.
        self.resolver: Resolver | None = None

    def add_webhook(self, url: str, *, headers: Sequence[tuple[str, str]] = (), **values: Any) -> Hook:
        """Add a webhook past the limits of the forms: tests want shorter waits than people may choose."""
        webhook_id, secret = new_id("wh"), signing.new_secret()
        known: dict[str, Any] = {"event_types": ["*"], "max_retries": 0, "first_retry_s": 0, "timeout_s": 3}
        with self.app.app_context():
            sealed = (
                sealer().seal(orjson.dumps(headers), table="webhooks", column="headers", row_id=webhook_id)
                if headers
                else None
            )
            db.session.add(
                Webhook(
                    id=webhook_id,
                    team_id=self.team_id,
                    name="Receiver",
                    url=url,
                    headers_sealed=sealed,
                    secret_sealed=sealer().seal(
                        secret.encode(), table="webhooks", column="secret", row_id=webhook_id
                    ),
                    **(known | values),
                )
            )
            db.session.commit()
        return Hook(webhook_id, secret)

    def change_webhook(self, webhook_id: str, **values: Any) -> None:
        with self.app.app_context():
            webhook = db.session.get_one(Webhook, webhook_id)
            for name, value in values.items():
                setattr(webhook, name, value)
            db.session.commit()

    def emit(self, count: int = 1, *, event_type: str = EVENT_TYPE) -> list[str]:
        """Store events and their deliveries in one transaction and nudge; returns their ids."""
        with self.app.app_context():
            ids = [
                events.add_event(db.session(), self.team_id, event_type, {"index": index}).id
                for index in range(count)
            ]
            db.session.commit()
            nudge_dispatch()
        return ids

    def change_deliveries(self, webhook_id: str, **values: Any) -> None:
        with self.app.app_context():
            db.session.execute(update(Delivery).where(Delivery.webhook_id == webhook_id).values(**values))
            db.session.commit()

    def webhook(self, webhook_id: str) -> Webhook:
        with self._reading():
            webhook = db.session.get_one(Webhook, webhook_id)
            db.session.expunge_all()
            return webhook

    def deliveries(self, webhook_id: str) -> list[Delivery]:
        """Return the deliveries of a webhook, oldest first."""
        with self._reading():
            query = select(Delivery).where(Delivery.webhook_id == webhook_id).order_by(Delivery.id)
            found = list(db.session.scalars(query))
            db.session.expunge_all()
            return found

    def delivery(self, webhook_id: str) -> Delivery:
        (only,) = self.deliveries(webhook_id)
        return only

    def states(self, webhook_id: str) -> dict[str, int]:
        with self._reading():
            query = (
                select(Delivery.state, func.count())
                .where(Delivery.webhook_id == webhook_id)
                .group_by(Delivery.state)
            )
            return {row[0]: row[1] for row in db.session.execute(query)}

    def attempts(self, webhook_id: str) -> list[Attempt]:
        """Return all attempts for a webhook in the order in which they were recorded."""
        with self._reading():
            query = (
                select(Attempt)
                .join(Delivery, Delivery.id == Attempt.delivery_id)
                .where(Delivery.webhook_id == webhook_id)
                .order_by(Attempt.id)
            )
            found = list(db.session.scalars(query))
            db.session.expunge_all()
            return found

    def attempt(self, webhook_id: str) -> Attempt:
        (only,) = self.attempts(webhook_id)
        return only

    def counts(self, webhook_id: str) -> list[DeliveryCount]:
        with self._reading():
            query = select(DeliveryCount).where(DeliveryCount.webhook_id == webhook_id)
            found = list(db.session.scalars(query))
            db.session.expunge_all()
            return found

    def events_of_type(self, event_type: str) -> list[dict[str, Any]]:
        """Return the envelopes of stored events of a type."""
        with self._reading():
            query = select(Event.body).where(Event.type == event_type)
            return [orjson.loads(body) for body in db.session.scalars(query)]

    def is_settled(self, *webhook_ids: str) -> bool:
        """Return whether none of these webhooks (or no webhook at all) has a delivery left to attempt."""
        with self._reading():
            query = select(func.count()).where(Delivery.due_at.is_not(None))
            if webhook_ids:
                query = query.where(Delivery.webhook_id.in_(webhook_ids))
            return db.session.scalar(query) == 0

    def wait_until_settled(self, *webhook_ids: str, within_s: float = PATIENCE_S) -> None:
        wait_until(lambda: self.is_settled(*webhook_ids), within_s=within_s)

    @contextmanager
    def dispatching(self, **settings: Any) -> Iterator[None]:
        """Let a dispatcher of its own work beside the test. Raises at the end what it raised."""
        stop = threading.Event()
        failures: list[BaseException] = []
        thread = threading.Thread(target=self._dispatch, args=(stop, failures, settings), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            with self.app.app_context():
                nudge_dispatch()
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "the dispatcher did not stop"
            if failures:
                raise failures[0]

    def deliver(self, *webhook_ids: str, within_s: float = PATIENCE_S, **settings: Any) -> None:
        """Dispatch until nothing is left to do."""
        with self.dispatching(**settings):
            self.wait_until_settled(*webhook_ids, within_s=within_s)

    def _dispatch(
        self, stop: threading.Event, failures: list[BaseException], settings: dict[str, Any]
    ) -> None:
        with self.app.app_context():
            try:
                changed = self.settings.model_copy(update=settings)
                dispatcher = Dispatcher(self.app, changed, resolver=self.resolver)
                try:
                    dispatcher.run(for_s=600, slice_id=new_id("slice"), is_stopping=stop.is_set)
                finally:
                    dispatcher.close()
            except BaseException as error:
                failures.append(error)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self.app.app_context(), reading():
            yield


def new_scene(app: Flask) -> Scene:
    """Return a scene with a team and nothing else."""
    with app.app_context():
        team = Team(slug="acme", name="Acme")
        db.session.add(team)
        db.session.commit()
        return Scene(app, team.id)
