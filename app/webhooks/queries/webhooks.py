"""Finding webhooks and their statistics, always within a team."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.extensions import db
from app.lib import clock
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.web.lists import ChoiceFilter, ListSpec, Search
from app.webhooks.models import Delivery, DeliveryCount, Webhook

#: Backlogs are counted no further: a list must not read a million rows to count them.
BACKLOG_COUNT_MAX = 1000
STATS_HOURS = 24


@dataclass(frozen=True, slots=True)
class Stats:
    """What happened within the last 24 hours, by whole hours, and what waits now."""

    succeeded: int = 0
    failed: int = 0
    attempts: int = 0
    total_ms: float = 0.0
    #: Counted up to `BACKLOG_COUNT_MAX` + 1.
    backlog: int = 0

    @property
    def finished(self) -> int:
        """How many deliveries ended."""
        return self.succeeded + self.failed

    @property
    def success_percent(self) -> float | None:
        """Share of the ended deliveries that succeeded; None when none ended. Never rounded up to 100."""
        if not self.finished:
            return None
        return int(1000 * self.succeeded / self.finished) / 10

    @property
    def average_ms(self) -> int | None:
        """Mean duration of an attempt in milliseconds; None without attempts."""
        return round(self.total_ms / self.attempts) if self.attempts else None

    @property
    def backlog_text(self) -> str:
        """The backlog for people."""
        return f"{BACKLOG_COUNT_MAX:,}+" if self.backlog > BACKLOG_COUNT_MAX else f"{self.backlog:,}"


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """A webhook and its statistics."""

    webhook: Webhook
    stats: Stats

    @property
    def id(self) -> str:
        """The webhook's id: the cursor of its page."""
        return self.webhook.id


def get_webhook(team_id: str, webhook_id: str) -> Webhook:
    """Return a webhook of the team that was not deleted. Raises NotFound."""
    query = select(Webhook).where(
        Webhook.team_id == team_id, Webhook.id == webhook_id, Webhook.deleted_at.is_(None)
    )
    webhook = db.session.scalars(query).one_or_none() if is_id(webhook_id, "wh") else None
    if webhook is None:
        raise NotFound("There is no such webhook in this team. It may have been deleted.")
    return webhook


def stats_of(
    team_id: str, webhook_ids: Collection[str], *, session: Session | None = None
) -> dict[str, Stats]:
    """Return the statistics of each of these webhooks."""
    session = session or db.session()
    backlogs = _backlogs(session, team_id, webhook_ids)
    count = DeliveryCount
    rows = session.execute(
        select(
            count.webhook_id,
            func.sum(count.succeeded),
            func.sum(count.failed),
            func.sum(count.attempts),
            func.sum(count.total_ms),
        )
        .where(count.team_id == team_id, count.webhook_id.in_(webhook_ids), count.hour >= _first_hour())
        .group_by(count.webhook_id)
    ).all()
    found = {
        row[0]: Stats(int(row[1]), int(row[2]), int(row[3]), float(row[4]), backlogs.get(row[0], 0))
        for row in rows
    }
    return {key: found.get(key) or Stats(backlog=backlogs.get(key, 0)) for key in webhook_ids}


def _backlogs(session: Session, team_id: str, webhook_ids: Collection[str]) -> dict[str, int]:
    some = (
        select(Delivery.id)
        .where(Delivery.webhook_id == Webhook.id, Delivery.due_at.is_not(None))
        .limit(BACKLOG_COUNT_MAX + 1)
        .correlate(Webhook)
        .subquery()
    )
    count = select(func.count()).select_from(some).scalar_subquery()
    rows = session.execute(
        select(Webhook.id, count).where(Webhook.team_id == team_id, Webhook.id.in_(webhook_ids))
    )
    return {row[0]: row[1] for row in rows}


def _first_hour() -> datetime:
    return clock.now() - timedelta(hours=STATS_HOURS)


def _with_stats(search: Search, rows: "Sequence[Any]") -> list[WebhookRow]:
    webhooks = [row[0] for row in rows]
    stats = stats_of(search.team_id, [webhook.id for webhook in webhooks], session=search.session)
    return [WebhookRow(webhook, stats[webhook.id]) for webhook in webhooks]


WEBHOOKS = ListSpec[WebhookRow](
    key=Webhook.id,
    prefix="wh",
    thing="a webhook",
    scope=lambda team_id: (Webhook.team_id == team_id, Webhook.deleted_at.is_(None)),
    shape=_with_stats,
    filters=(
        ChoiceFilter(
            field="status",
            label="Status",
            choices=[(status, status.capitalize()) for status in ("active", "paused", "disabled")],
            column=Webhook.status,
            description="Only webhooks in this status.",
        ),
    ),
)
