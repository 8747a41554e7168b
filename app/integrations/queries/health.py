"""What the health page shows: calls, failures and latency from the counts by hour, and what is left of limits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.api_keys.presentation import LimitNow, limits_now
from app.extensions import db
from app.integrations.facts import report_of
from app.integrations.forecast import Forecast, Grant, PlannedSunset, forecasts_of, sunsets_of
from app.integrations.models import CallCount, Connection, Integration
from app.integrations.policies import call_policies
from app.integrations.providers import get_provider
from app.integrations.queries.apps import known_apps
from app.integrations.rules import BUCKETS, percentile_ms
from app.integrations.spec import Provider
from app.integrations.status import Status
from app.lib import clock
from app.web import limits

_SUMS = tuple(func.sum(CallCount.__table__.c[name]) for name in ("calls", "failures", *BUCKETS))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """How far back figures go, and how much time one bar of the chart stands for."""

    label: str
    length: timedelta
    step: timedelta

    def starts(self, now: datetime) -> list[datetime]:
        """Return the beginning of each bar, the oldest first; the last one is going on."""
        last = now.replace(minute=0, second=0, microsecond=0)
        if self.step == DAY:
            last = last.replace(hour=0)
        count = self.length // self.step
        return [last - self.step * (count - 1 - index) for index in range(count)]


RANGES = {
    "24h": TimeRange("24 hours", timedelta(days=1), HOUR),
    "7d": TimeRange("7 days", timedelta(days=7), HOUR),
    "30d": TimeRange("30 days", timedelta(days=30), DAY),
}


@dataclass(slots=True)
class CallFigures:
    """How many calls there were, how many failed, and how long they took: counts by latency bucket."""

    calls: int = 0
    failures: int = 0
    buckets: dict[int, int] = field(default_factory=dict)

    def add(self, calls: int, failures: int, buckets: Iterable[int]) -> None:
        """Add calls, in the order of the buckets."""
        self.calls += calls
        self.failures += failures
        for bucket, count in enumerate(buckets):
            if count:
                self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    @property
    def error_percent(self) -> float | None:
        """The share of failures in percent; None without calls."""
        return 100 * self.failures / self.calls if self.calls else None

    @property
    def p50_ms(self) -> int | None:
        """The duration that half of the calls did not exceed."""
        return percentile_ms(self.buckets, 0.5)

    @property
    def p95_ms(self) -> int | None:
        """The duration that 95 % of the calls did not exceed."""
        return percentile_ms(self.buckets, 0.95)

    @property
    def p99_ms(self) -> int | None:
        """The duration that 99 % of the calls did not exceed."""
        return percentile_ms(self.buckets, 0.99)


def figures_of(team_id: str, integration_ids: Sequence[str], wanted: TimeRange) -> dict[str, CallFigures]:
    """Return the figures of each of these integrations of the team, by id; none for those without calls."""
    # As many as fit on a page: their primary key finds the counts, whatever else the team has.
    query = (
        select(CallCount.integration_id, *_SUMS)
        .where(
            CallCount.team_id == team_id,
            CallCount.integration_id.in_(integration_ids),
            CallCount.hour >= wanted.starts(clock.now())[0],
        )
        .group_by(CallCount.integration_id)
    )
    found: dict[str, CallFigures] = {}
    for integration_id, calls, failures, *buckets in db.session.execute(query):
        found.setdefault(integration_id, CallFigures()).add(calls, failures, buckets)
    return found


def figures_by_time(
    team_id: str, wanted: TimeRange, *, integration_id: str | None = None
) -> list[tuple[datetime, CallFigures]]:
    """Return the figures of all integrations of the team, or of one, for each bar of the chart, the oldest first."""
    starts = wanted.starts(clock.now())
    query = (
        select(CallCount.hour, *_SUMS)
        .where(CallCount.team_id == team_id, CallCount.hour >= starts[0])
        .group_by(CallCount.hour)
    )
    if integration_id is not None:
        query = query.where(CallCount.integration_id == integration_id)
    bars = {start: CallFigures() for start in starts}
    for hour, calls, failures, *buckets in db.session.execute(query):
        start = hour if wanted.step == HOUR else hour.replace(hour=0)
        if start in bars:
            bars[start].add(calls, failures, buckets)
    return list(bars.items())


def total_of(bars: Iterable[tuple[datetime, CallFigures]]) -> CallFigures:
    """Return all of them together."""
    total = CallFigures()
    for _, figures in bars:
        total.add(
            figures.calls, figures.failures, [figures.buckets.get(index, 0) for index in range(len(BUCKETS))]
        )
    return total


def limits_left(integrations: Sequence[Integration]) -> dict[str, list[LimitNow]]:
    """Return the limits of each integration as they stand, by its id; one without limits has none."""
    policies = {one.id: call_policies(one.id, one.hourly_limit, one.daily_limit) for one in integrations}
    # Redis may not answer, and no transaction should stay open meanwhile. What was read is shown all the same: the end of
    # the transaction would have each of them read again.
    for one in integrations:
        for read in filter(None, (one, one.connection)):
            db.session.expunge(read)
    db.session.rollback()
    statuses = iter(limits_now(limits.peek([policy for found in policies.values() for policy in found])))
    return {integration_id: [next(statuses) for _ in found] for integration_id, found in policies.items()}


def forecasts_for(provider: Provider, connection: Connection | None) -> list[Forecast]:
    """Return what will end an integration's connection, the soonest first; nothing of one that has ended already."""
    if connection is None or connection.state != "connected":
        return []
    grant = Grant(
        connected_at=connection.connected_at,
        refreshed_at=connection.refreshed_at,
        expires_at=connection.expires_at,
        grant_expires_at=connection.grant_expires_at,
        refresh_failures=connection.refresh_failures,
        last_refresh_error=connection.last_refresh_error,
    )
    return forecasts_of(provider, grant, clock.now())


@dataclass(frozen=True, slots=True)
class TeamHealth:
    """How all of a team's integrations are doing: how many are in each status, and what their providers switch off."""

    statuses: dict[Status, int]
    sunsets: list[PlannedSunset]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.statuses.values())


def health_of_team(team_id: str) -> TeamHealth:
    """Return how the team's integrations are doing together; there are at most `rules.INTEGRATIONS_MAX`."""
    found = db.session.scalars(
        select(Integration).where(Integration.team_id == team_id).order_by(Integration.name)
    ).all()
    apps = known_apps(db.session(), team_id)
    statuses = dict.fromkeys(Status, 0)
    for one in found:
        statuses[report_of(one, apps).status] += 1
    named = [(get_provider(one.provider), one.id, one.name) for one in found]
    return TeamHealth(statuses, sunsets_of(named, clock.now().date()))
