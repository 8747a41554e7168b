"""An authorization server, an integration that is connected through it, and what tests ask of both."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from app.audit.models import AuditEntry
from app.events.models import Event
from app.extensions import db
from app.integrations.credentials import open_tokens
from app.integrations.models import Connection
from app.integrations.services.access import open_access
from app.integrations.services.calling import send_call
from app.integrations.services.integrations import create_integration
from app.integrations.services.outgoing import CallOutcome, OutgoingCall
from app.integrations.services.settings import IntegrationSettings
from app.lib import clock
from app.oauth.tokens import TokenSet
from app.outbox.models import OutgoingMail
from tests.oauth.authorization_server import CLIENT_ID, CLIENT_SECRET, Authority, authority_running
from tests.people import People, Visitor

CALLBACK = "/integrations/callback/custom"


@pytest.fixture(scope="session")
def running_authority() -> Iterator[Authority]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        with authority_running() as authority:
            yield authority


@pytest.fixture
def authority(running_authority: Authority, app: Flask) -> Authority:
    fresh = Authority(url=running_authority.url)
    for name in ("codes", "tokens", "seen", "instead", "client_secret", "in_answers"):
        setattr(running_authority, name, getattr(fresh, name))
    running_authority.redirect_uri = f"{app.config['SETTINGS'].public_url}{CALLBACK}"
    return running_authority


class Connecting:
    """Team acme's integration with a service behind the authorization server."""

    def __init__(self, app: Flask, people: People, authority: Authority) -> None:
        self.app, self.people, self.authority = app, people, authority
        self.team_id = people.acme.id
        self.integration_id = self.add()

    def add(self, **answers: str) -> str:
        url = self.authority.url
        given = {
            "base_url": url,
            "check_path": "/me",
            "authorization_url": f"{url}/authorize",
            "token_url": f"{url}/token",
            "revocation_url": f"{url}/revoke",
            "scope": "read write",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            **answers,
        }
        settings = IntegrationSettings(name="Desk", auth_method="oauth", answers=given)
        with self.app.app_context():
            return create_integration(self.team_id, "custom", settings)

    @property
    def path(self) -> str:
        """The address of its page."""
        return f"/t/acme/integrations/{self.integration_id}"

    def begin(self, visitor: Visitor | None = None) -> str:
        """Press Connect; return the address that the browser is sent to."""
        answer = (visitor or self.people.bob.visitor).post(f"{self.path}/connect")
        assert answer.status_code == 200, answer.location
        return answer.headers["Refresh"].partition("url=")[2]

    def consent(self, address: str) -> str:
        """Agree at the server; return the path and query that it sends the browser back to."""
        answer = requests.get(address, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["Location"])
        return f"{back.path}?{back.query}"

    def connect(self) -> TestResponse:
        """Connect as Bob does."""
        return self.people.bob.visitor.get(self.consent(self.begin()))

    def row(self) -> Connection | None:
        """Return the connection as it is stored."""
        with self.app.app_context():
            found = db.session.scalars(
                select(Connection).where(Connection.integration_id == self.integration_id)
            ).one_or_none()
            db.session.expunge_all()
            db.session.rollback()
        return found

    def connection(self) -> Connection:
        """Return the connection, which is there."""
        row = self.row()
        assert row is not None
        return row

    def tokens(self) -> TokenSet:
        """Return the stored tokens."""
        with self.app.app_context():
            return TokenSet.from_json(open_tokens(self.connection()))

    def change(self, **values: Any) -> None:
        """Change columns of the stored connection."""
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(update(Connection).values(**values))

    def end_access_token(self) -> None:
        """Let the access token's life be over, by what is stored of it."""
        self.change(expires_at=clock.now() - timedelta(minutes=1))

    def call(self) -> CallOutcome:
        """Call the service through the integration."""
        with self.app.app_context():
            access = open_access(self.team_id, self.integration_id)
            return send_call(access, OutgoingCall(url=f"{access.base_url}/me", purpose="rest"))

    def refreshes(self) -> int:
        """Return how many refreshes the server was asked for."""
        return sum(form.get("grant_type") == "refresh_token" for _, form in self.authority.seen)

    def trail(self) -> list[str]:
        """Return what happened to the integration, oldest first, but its creation and tests."""
        with self.app.app_context():
            actions = db.session.scalars(
                select(AuditEntry.action)
                .where(AuditEntry.object_id == self.integration_id)
                .order_by(AuditEntry.id)
            ).all()
            db.session.rollback()
        return [
            action.partition(".")[2] for action in actions if not action.endswith((".created", ".tested"))
        ]

    def events(self) -> list[str]:
        """Return the types of the team's events, oldest first."""
        with self.app.app_context():
            found = list(db.session.scalars(select(Event.type).order_by(Event.id)))
            db.session.rollback()
        return found

    def mail_count(self) -> int:
        """Return how many mails wait."""
        with self.app.app_context():
            count = db.session.scalar(select(func.count()).select_from(OutgoingMail)) or 0
            db.session.rollback()
        return count


@pytest.fixture
def connecting(app: Flask, people: People, authority: Authority) -> Connecting:
    return Connecting(app, people, authority)


@pytest.fixture
def connected(connecting: Connecting) -> Connecting:
    answer = connecting.connect()
    assert answer.status_code == 303, answer.get_data(as_text=True)
    connecting.authority.seen.clear()
    return connecting


def query_of(path: str) -> dict[str, str]:
    """Return the query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
