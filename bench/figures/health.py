"""How long the pages of activity and health take with a month of calls behind them."""

import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from app.accounts.models import Membership, Team, User
from app.extensions import db
from app.integrations.models import CallCount, Integration
from app.integrations.rules import BUCKETS, latency_bucket
from app.lib import clock
from app.lib.ids import lowest_id_at, new_id
from app.lib.passwords import hash_secret
from app.request_log.models import LoggedRequest
from app.web.limits import Policy, counters
from app.web.limits.policies import MINUTE_S
from app.web.permissions import Role
from bench import seed
from bench.environment import Environment
from bench.report import Figure, Target, percentile
from bench.sizes import Sizes
from tests.people import PASSWORD, Visitor

_INTEGRATIONS = 20
_DAYS = 30
_ROWS_AT_ONCE = 10_000
_TARGET_MS = 150.0
_EMAIL = "benchmark@example.com"


def measure(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield the 95th percentile of the time that each page takes in the process that answers."""
    slug, user_id, integration_ids = _fill(sizes.logged_calls)
    # Not what limits refuse is measured.
    of_user = Policy("user-minute", user_id, 1, MINUTE_S, is_sliding=True)
    visitor = Visitor(environment.app.test_client())
    # In production cookies come and go over HTTPS only.
    visitor.client.environ_base["wsgi.url_scheme"] = "https"
    answer = visitor.sign_in(_EMAIL)
    assert answer.status_code == 303, answer.status
    home = f"/t/{slug}/integrations"
    pages = {
        "health, 24 hours": f"{home}/health",
        "health, 7 days": f"{home}/health?range=7d",
        "health, 30 days": f"{home}/health?range=30d",
        "health of one, 30 days": f"{home}/{integration_ids[0]}/health?range=30d",
        "activity": f"{home}/activity",
        "activity of one, failed": f"{home}/activity?integration_id={integration_ids[0]}&status=failed",
    }
    for name, address in pages.items():
        times = []
        counters().clear([of_user])
        for _ in range(sizes.page_views):
            start_s = time.perf_counter()
            answer = visitor.get(address)
            times.append((time.perf_counter() - start_s) * 1000)
            assert answer.status_code == 200, answer.status
        yield Figure(
            f"page: {name}, p95",
            environment.database,
            percentile(times[3:], 0.95),
            "ms",
            min(times),
            max(times),
            target=Target(below=_TARGET_MS),
            note=f"{sizes.logged_calls:,} logged calls through {_INTEGRATIONS} integrations in {_DAYS} days",
        )


def _fill(calls: int) -> tuple[str, str, list[str]]:
    """Add a team with integrations, calls and their counts; returns its slug, the id of a user, and those of the integrations."""
    team = Team(slug=new_id("t").replace("_", "-"), name="Benchmark")
    user = User(name="Benchmark", email=_EMAIL, password_hash=hash_secret(PASSWORD, rounds=4))
    db.session.add_all((team, user))
    db.session.flush()
    db.session.add(Membership(team_id=team.id, user_id=user.id, role=Role.OWNER))
    integrations = [
        Integration(
            team_id=team.id,
            provider="rest",
            name=f"Service {number}",
            auth_method="bearer",
            config={"base_url": "https://api.example.com"},
            hourly_limit=10_000,
            daily_limit=100_000,
        )
        for number in range(_INTEGRATIONS)
    ]
    db.session.add_all(integrations)
    db.session.commit()
    slug, team_id, user_id, ids = team.slug, team.id, user.id, [one.id for one in integrations]
    db.session.remove()
    _add_calls(team_id, ids, calls)
    seed.settle()
    return slug, user_id, ids


def _add_calls(team_id: str, integration_ids: list[str], count: int) -> None:
    now, drawn = clock.now(), random.Random(1)
    apart = timedelta(days=_DAYS) / count
    counts: dict[tuple[str, datetime], dict[str, int]] = {}
    rows: list[dict[str, Any]] = []
    with db.engine.begin() as connection:
        for number in range(count):
            at = now - timedelta(days=_DAYS) + apart * number
            integration_id = drawn.choice(integration_ids)
            duration_ms, is_failure = drawn.lognormvariate(4.5, 0.9), drawn.random() < 0.02
            rows.append(_row(team_id, integration_id, at, number, duration_ms, is_failure))
            hour = at.replace(minute=0, second=0, microsecond=0)
            sums = counts.setdefault(
                (integration_id, hour), dict.fromkeys(("calls", "failures", *BUCKETS), 0)
            )
            for name in (
                "calls",
                BUCKETS[latency_bucket(duration_ms)],
                *(["failures"] if is_failure else ()),
            ):
                sums[name] += 1
            if len(rows) == _ROWS_AT_ONCE:
                connection.execute(insert(LoggedRequest), rows)
                rows = []
        if rows:
            connection.execute(insert(LoggedRequest), rows)
        connection.execute(
            insert(CallCount),
            [
                {"integration_id": integration_id, "hour": hour, "team_id": team_id, **sums}
                for (integration_id, hour), sums in counts.items()
            ],
        )


def _row(
    team_id: str, integration_id: str, at: datetime, number: int, duration_ms: float, is_failure: bool
) -> dict[str, Any]:
    digits = f"{number % 100_000_000:08d}"
    return {
        "id": f"{lowest_id_at('req', at)[:-8]}{digits}",
        "team_id": team_id,
        "direction": "out",
        "integration_id": integration_id,
        "integration_name": "Service",
        "purpose": "rest",
        "method": "GET",
        "scheme": "https",
        "host": "api.example.com",
        "path": f"/tickets/{number}",
        "status": 503 if is_failure else 200,
        "error_code": "http_5xx" if is_failure else None,
        "duration_ms": duration_ms,
        "request_headers": '[["Accept","application/json"]]',
        "response_headers": '[["Content-Type","application/json"]]',
        "response_body": '{"id": 7, "title": "Late"}',
        "created_at": at,
    }
