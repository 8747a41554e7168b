"""The numbers and the attention items of the home page: a handful of indexed queries, none per row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, or_, select

from app.accounts.models import Team
from app.api_keys.models import ApiKey
from app.api_keys.rules import EXPIRY_WARNING_DAYS
from app.events.models import Event
from app.extensions import db
from app.integrations.models import Connection, Integration
from app.integrations.rules import CONNECTED
from app.lib import clock
from app.lib.errors import NotFound
from app.webhooks.explanations import Explanation, explain
from app.webhooks.models import Delivery, DeliveryCount, Webhook
from app.webhooks.queries.deliveries import UNSUCCESSFUL

HOURS = 24
BACKLOG_COUNT_MAX = 1000
_ATTENTION_ITEMS_MAX = 12
_RECENT_FAILURES = 300


@dataclass(frozen=True, slots=True)
class HourCount:
    """What happened in the hour that begins at `hour`."""

    hour: datetime
    succeeded: int = 0
    failed: int = 0
    attempts: int = 0
    attempt_failures: int = 0
    total_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class FailedDelivery:
    id: str
    webhook_id: str
    event_type: str
    last_status: int | None
    last_error: str | None
    finished_at: datetime | None

    @property
    def explanation(self) -> Explanation | None:
        """The failure in words."""
        return explain(self.last_error, self.last_status)


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """A webhook that needs attention. `backlog` counts no further than one above `BACKLOG_COUNT_MAX`."""

    webhook_id: str
    name: str
    url: str
    status: str
    status_reason: str | None
    status_changed_at: datetime
    consecutive_failures: int
    backlog: int
    last_failure: FailedDelivery | None


@dataclass(frozen=True, slots=True)
class EndedConnection:
    """An integration whose connection does not work until somebody sees to it."""

    integration_id: str
    name: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class EndingKey:
    """An API key that expires soon or just did. `days_left` counts whole days; None once it has expired."""

    key_id: str
    name: str
    expires_at: datetime
    days_left: int | None
    used_count: int


@dataclass(frozen=True, slots=True)
class KeyToReview:
    """An API key that somebody has to keep or revoke, and why."""

    key_id: str
    name: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """Which of the first steps the team has taken."""

    has_webhook: bool
    has_key: bool
    has_event: bool

    @property
    def are_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.has_webhook and self.has_key and self.has_event


def key_with_team(team_id: str, key_id: str) -> tuple[ApiKey, Team]:
    """Return the calling key and its team. Raises NotFound when it was deleted since it was verified."""
    query = (
        select(ApiKey, Team)
        .join(Team, Team.id == ApiKey.team_id)
        .where(ApiKey.team_id == team_id, ApiKey.id == key_id)
    )
    found = db.session.execute(query).one_or_none()
    if found is None:
        raise NotFound("There is no such API key any more.")
    key, team = found
    return key, team


def hourly_counts(team_id: str, *, hours: int = HOURS) -> list[HourCount]:
    """Return the last `hours` hours, oldest first, the running one last; hours without a delivery count zero."""
    newest = clock.now().replace(minute=0, second=0, microsecond=0)
    oldest = newest - timedelta(hours=hours - 1)
    query = (
        select(
            DeliveryCount.hour,
            func.sum(DeliveryCount.succeeded),
            func.sum(DeliveryCount.failed),
            func.sum(DeliveryCount.attempts),
            func.sum(DeliveryCount.attempt_failures),
            func.sum(DeliveryCount.total_ms),
        )
        .where(DeliveryCount.team_id == team_id, DeliveryCount.hour >= oldest)
        .group_by(DeliveryCount.hour)
    )
    found = {
        hour: HourCount(
            hour, int(succeeded), int(failed), int(attempts), int(attempt_failures), float(total_ms)
        )
        for hour, succeeded, failed, attempts, attempt_failures, total_ms in db.session.execute(query)
    }
    hour_starts = [oldest + timedelta(hours=index) for index in range(hours)]
    return [found.get(hour) or HourCount(hour) for hour in hour_starts]


def recent_failures(team_id: str) -> list[FailedDelivery]:
    """Return the newest deliveries that failed for good, newest first, a few hundred at most."""
    query = (
        select(
            Delivery.id,
            Delivery.webhook_id,
            Delivery.event_type,
            Delivery.last_status,
            Delivery.last_error,
            Delivery.finished_at,
        )
        .where(Delivery.team_id == team_id, Delivery.state == "failed", UNSUCCESSFUL)
        .order_by(Delivery.id.desc())
        .limit(_RECENT_FAILURES)
    )
    return [FailedDelivery(*row) for row in db.session.execute(query)]


def attention_items(team_id: str, failures: Sequence[FailedDelivery]) -> list[AttentionItem]:
    """Return the webhooks that need attention, the worst first: disabled, failing, paused with a backlog.

    `failures` are the team's recent ones, newest first: the last of each webhook is taken from them.
    """
    waiting = (
        select(Delivery.id)
        .where(Delivery.webhook_id == Webhook.id, Delivery.due_at.is_not(None))
        .limit(BACKLOG_COUNT_MAX + 1)
        .correlate(Webhook)
        .subquery()
    )
    backlog = select(func.count()).select_from(waiting).correlate(Webhook).scalar_subquery()
    query = (
        select(
            Webhook.id,
            Webhook.name,
            Webhook.url,
            Webhook.status,
            Webhook.status_reason,
            Webhook.status_changed_at,
            Webhook.consecutive_failures,
            backlog,
        )
        .where(
            Webhook.team_id == team_id,
            Webhook.deleted_at.is_(None),
            or_(Webhook.status != "active", Webhook.consecutive_failures > 0),
        )
        .order_by(Webhook.status != "disabled", Webhook.consecutive_failures.desc(), Webhook.id)
        .limit(_ATTENTION_ITEMS_MAX)
    )
    last: dict[str, FailedDelivery] = {}
    for failure in failures:
        last.setdefault(failure.webhook_id, failure)
    found = [
        AttentionItem(
            webhook_id, name, url, status, reason, changed_at, in_a_row, count, last.get(webhook_id)
        )
        for webhook_id, name, url, status, reason, changed_at, in_a_row, count in db.session.execute(query)
    ]
    return [item for item in found if item.status != "paused" or item.backlog or item.consecutive_failures]


def ended_connections(team_id: str) -> list[EndedConnection]:
    """Return the integrations that have to be reconnected, or whose app is refused, the longest ended first."""
    query = (
        select(Integration.id, Integration.name, Connection.reason, Connection.state_changed_at)
        .join(Connection, Connection.integration_id == Integration.id)
        .where(Connection.team_id == team_id, Connection.state != CONNECTED, Integration.is_enabled.is_(True))
        .order_by(Connection.state_changed_at, Connection.id)
        .limit(_ATTENTION_ITEMS_MAX)
    )
    return [
        EndedConnection(integration_id, name, reason or "", since)
        for integration_id, name, reason, since in db.session.execute(query)
    ]


def ending_keys(team_id: str) -> list[EndingKey]:
    """Return the keys that expire within a week or did so within the last, the soonest first."""
    now = clock.now()
    near = timedelta(days=EXPIRY_WARNING_DAYS)
    query = (
        select(ApiKey.id, ApiKey.name, ApiKey.expires_at, ApiKey.used_count)
        .where(
            ApiKey.team_id == team_id,
            ApiKey.revoked_at.is_(None),
            ApiKey.expires_at.between(now - near, now + near),
        )
        .order_by(ApiKey.expires_at, ApiKey.id)
        .limit(_ATTENTION_ITEMS_MAX)
    )
    return [
        EndingKey(key_id, name, expires_at, (expires_at - now).days if expires_at > now else None, used_count)
        for key_id, name, expires_at, used_count in db.session.execute(query)
        if expires_at is not None
    ]


def keys_to_review(team_id: str) -> list[KeyToReview]:
    """Return the keys that wait for a review and are not revoked or expired, the longest waiting first."""
    query = (
        select(ApiKey.id, ApiKey.name, ApiKey.review_since, ApiKey.review_reason)
        .where(
            ApiKey.team_id == team_id,
            ApiKey.revoked_at.is_(None),
            ApiKey.review_since.is_not(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > clock.now()),
        )
        .order_by(ApiKey.review_since, ApiKey.id)
        .limit(_ATTENTION_ITEMS_MAX)
    )
    return [
        KeyToReview(key_id, name, since, reason or "")
        for key_id, name, since, reason in db.session.execute(query)
        if since is not None
    ]


def webhook_names(webhook_ids: Sequence[str]) -> dict[str, str]:
    """Return the names of webhooks of the caller's team, by id."""
    query = select(Webhook.id, Webhook.name).where(Webhook.id.in_(webhook_ids))
    return dict(iter(db.session.execute(query))) if webhook_ids else {}


def first_steps(team_id: str) -> FirstSteps:
    """Return how far the team has come with its first steps."""
    query = select(
        exists().where(Webhook.team_id == team_id, Webhook.deleted_at.is_(None)),
        exists().where(ApiKey.team_id == team_id, ApiKey.revoked_at.is_(None)),
        exists().where(Event.team_id == team_id),
    )
    return FirstSteps(*map(bool, db.session.execute(query).one()))
