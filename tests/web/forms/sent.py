"""A form as it is sent in a test, and what such forms are about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyotp
from flask import Flask
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import select, update

from app.accounts.models import User, UserSession
from app.accounts.services import invitations
from app.accounts.services.operators import set_operator
from app.api_keys.services import create_key
from app.config import JobQueue
from app.events.services import create_type
from app.extensions import db
from app.web.permissions import FULL, Role
from tests.page import Page
from tests.people import PASSWORD, People, Visitor


@dataclass(frozen=True, slots=True)
class Sent:
    """A form: who sends it, from which page, where to, and what is typed."""

    visitor: Visitor
    page: str
    action: str
    typed: Mapping[str, Any] = field(default_factory=dict)


class FormScene:
    """What the forms are about."""

    def __init__(
        self, app: Flask, people: People, page: Page, redis_url: str, samples: Mapping[str, str]
    ) -> None:
        self.app, self.people, self.page = app, people, page
        self.ids = samples
        self._redis_url = redis_url

    @property
    def owner(self) -> Visitor:
        return self.people.alice.visitor

    def stored(self, statement: Any) -> None:
        with self.app.app_context():
            db.session.execute(statement)
            db.session.commit()

    def token(self, make: Callable[[User], str], user_id: str | None = None) -> str:
        with self.app.app_context():
            return make(db.session.get_one(User, user_id or self.people.alice.id))

    def invitation(self, email: str | None = None) -> str:
        with self.app.app_context():
            return invitations.invite(
                self.people.acme.id, role=Role.VIEWER, email=email, actor_id=self.people.alice.id
            ).token

    def key(self) -> str:
        """Return a key that the owner may do everything with."""
        with self.app.app_context():
            return create_key(
                self.people.acme.id,
                "key",
                scopes=["events:read"],
                granted_by=frozenset({FULL}),
                created_by_id=self.people.alice.id,
            ).id

    def event_type(self) -> None:
        with self.app.app_context():
            create_type(self.people.acme.id, name="order.sent", description="", example={})

    def failed_job(self) -> str:
        """Return a job that failed, for the owner as an operator."""
        with self.app.app_context():
            set_operator(self.people.alice.email, is_operator=True)
            db.session.remove()
        with Redis.from_url(self._redis_url) as redis:
            queue = Queue(JobQueue.SLOW, connection=redis, serializer=JSONSerializer)
            job = queue.enqueue_call("json.loads", args=("no JSON",))
            SimpleWorker([queue], connection=redis, serializer=JSONSerializer).work(
                burst=True, logging_level="CRITICAL"
            )
        return str(job.id)

    def second_factor(self) -> tuple[str, list[str]]:
        """Turn it on for the owner; return what makes a code, and the recovery codes."""
        shown = self.page.get("/account/second-factor", self.owner)
        secret = shown.text(shown.by_id("totp-secret")).replace(" ", "")
        typed = {"code": pyotp.TOTP(secret).now(), "current_password": PASSWORD}
        answer = self.owner.post("/account/second-factor", typed)
        assert answer.status_code == 303
        shown = self.page.get("/account/second-factor", self.owner)
        # The same code counts once, and these tests do not wait for the next.
        self.stored(update(User).values(totp_last_step=None))
        return secret, [shown.text(item) for item in shown.by_id("recovery-codes")]

    def latest_session(self) -> str:
        with self.app.app_context():
            found = db.session.scalars(select(UserSession.id).order_by(UserSession.id.desc())).first()
        assert found
        return found


def in_team(page: str, action: str | None = None, **typed: Any) -> Callable[[FormScene], Sent]:
    """Return a form of the owner below /t/acme/ about the samples."""

    def sent(scene: FormScene) -> Sent:
        where, to = (f"/t/acme/{path.format(**scene.ids)}" for path in (page, action or page))
        return Sent(scene.owner, where, to, typed)

    return sent
