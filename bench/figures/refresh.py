"""A refresh storm: many connections whose tokens end at the same moment, refreshed by one run of the periodic job."""

import itertools
import os
import time
from collections.abc import Iterator
from datetime import timedelta

import orjson
from sqlalchemy import func, select, update

from app.extensions import db
from app.integrations.credentials import seal_tokens
from app.integrations.models import Connection
from app.integrations.services.integrations import create_integration
from app.integrations.services.refreshing_due import refresh_due
from app.integrations.services.settings import IntegrationSettings
from app.lib import clock
from app.lib.ids import new_id
from app.oauth.tokens import TokenSet
from bench import seed
from bench.environment import Environment
from bench.report import Figure, over_rounds
from bench.sizes import Sizes
from tests.webhooks.dispatch.receivers import Received, Receiver, Reply


def measure(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield how many connections are refreshed a second. Each round begins with all of them due."""
    # The provider is on loopback, without TLS.
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    number = itertools.count()

    def answer(_received: Received) -> Reply:
        tokens = {
            "access_token": f"access-{next(number)}",
            "refresh_token": f"refresh-{next(number)}",
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        return Reply(200, orjson.dumps(tokens), (("Content-Type", "application/json"),))

    with Receiver(answer) as provider:
        team_id = seed.new_team([]).team_id
        for _ in range(sizes.connections):
            _connect(team_id, provider.url)
        rates = []
        for _ in range(sizes.rounds):
            db.session.execute(
                update(Connection).values(
                    due_at=clock.now() - timedelta(seconds=1), expires_at=clock.now() + timedelta(seconds=60)
                )
            )
            db.session.commit()
            before, start_s = len(provider.received), time.perf_counter()
            refreshed = 0
            while refreshed < sizes.connections:
                refreshed += refresh_due()
            rates.append(refreshed / (time.perf_counter() - start_s))
            assert len(provider.received) - before == sizes.connections, "one request for each connection"
        due = db.session.scalar(select(func.count()).where(Connection.due_at <= clock.now()))
        db.session.rollback()
        assert due == 0
    yield over_rounds(
        f"refresh storm: {sizes.connections} connections due at once",
        environment.database,
        rates,
        "connections/s",
        note="one worker with eight threads; one request for each connection, its new tokens sealed and stored",
    )


def _connect(team_id: str, url: str) -> None:
    answers = {
        "base_url": url,
        "authorization_url": url,
        "token_url": url,
        "client_id": "benchmark",
        "client_secret": "benchmark-secret-0123456789",
    }
    settings = IntegrationSettings(name="Storm", auth_method="oauth", answers=answers)
    integration_id, connection_id = create_integration(team_id, "custom", settings), new_id("con")
    tokens = TokenSet("access", "Bearer", "refresh", clock.now() + timedelta(seconds=60))
    db.session.add(
        Connection(
            id=connection_id,
            team_id=team_id,
            integration_id=integration_id,
            tokens_sealed=seal_tokens(connection_id, tokens.to_json()),
        )
    )
    db.session.commit()
