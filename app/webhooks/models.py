"""Webhooks, their deliveries, the attempts of these, and what happened by the hour (counts)."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base
from app.db.sealed import sealed
from app.db.types import Id, Json, UtcDateTime
from app.events.models import Event
from app.lib import clock
from app.lib.ids import new_id


class Webhook(Base):
    """A subscription: a URL and the event types that are sent there."""

    __tablename__ = "webhooks"
    __table_args__ = (Index(None, "team_id", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("wh"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    url: Mapped[str] = mapped_column(String(2048))
    #: Patterns: `post.published`, `post.*`, `*`.
    event_types: Mapped[list[str]] = mapped_column(Json)
    #: Sealed JSON list of [name, value] pairs; values are often credentials.
    headers_sealed: Mapped[str | None] = mapped_column(
        Text, info=sealed("headers", when_lost="edit the webhook and write its headers again.")
    )
    #: Sealed signing secret (`whsec_…`). Empty once the webhook is deleted.
    secret_sealed: Mapped[str] = mapped_column(
        Text, info=sealed("secret", when_lost="create the webhook again and delete this one.")
    )
    #: active, paused (by a person) or disabled (by Signalbox).
    status: Mapped[str] = mapped_column(String(16), default="active")
    status_reason: Mapped[str | None] = mapped_column(String(500))
    status_changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    max_retries: Mapped[int] = mapped_column(default=3)
    first_retry_s: Mapped[int] = mapped_column(default=10)
    retry_multiplier: Mapped[float] = mapped_column(Float, default=2.0)
    timeout_s: Mapped[int] = mapped_column(default=15)
    #: Failed deliveries since the last one that succeeded.
    consecutive_failures: Mapped[int] = mapped_column(default=0)
    created_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, onupdate=clock.now)
    #: Deleted webhooks keep their history; their secrets are wiped.
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Delivery(Base):
    """One event for one webhook, and the queue entry of its next attempt."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "webhook_id"),
        Index(None, "team_id", "id"),
        Index(None, "webhook_id", "id"),
        # Nearly all deliveries succeed: these two stay as small as what is waiting or went wrong.
        Index(
            "ix_deliveries_due",
            "webhook_id",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_unsuccessful",
            "team_id",
            "state",
            "id",
            sqlite_where=text("state <> 'succeeded'"),
            postgresql_where=text("state <> 'succeeded'"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("dlv"))
    #: Its webhook's team, for scoping; the webhook's foreign key already ties it to the team.
    team_id: Mapped[str] = mapped_column(Id)
    event_id: Mapped[str] = mapped_column(Id, ForeignKey("events.id", ondelete="CASCADE"))
    webhook_id: Mapped[str] = mapped_column(Id, ForeignKey("webhooks.id", ondelete="CASCADE"))
    event_type: Mapped[str] = mapped_column(String(100))
    #: pending, succeeded, failed or cancelled.
    state: Mapped[str] = mapped_column(String(16), default="pending")
    #: When the next attempt is due; while it is being sent, when the lease on it ends. NULL: nothing to do.
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Who is sending it: a result is only written over the state while this is still the sender's own lease.
    lease: Mapped[str | None] = mapped_column(String(32))
    attempt_count: Mapped[int] = mapped_column(default=0, server_default="0")
    #: Attempts since it was accepted or last retried by hand; retries are counted against this.
    round_attempt_count: Mapped[int] = mapped_column(default=0, server_default="0")
    #: Set by a retry by hand, for the attempt that follows.
    is_manual: Mapped[bool] = mapped_column(default=False, server_default=false())
    last_status: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    event: Mapped[Event] = relationship()
    webhook: Mapped[Webhook] = relationship()
    attempts: Mapped[list["Attempt"]] = relationship(order_by="Attempt.id", passive_deletes=True)


class Attempt(Base):
    """One HTTP try, fully recorded. Durations are those of each phase, in milliseconds."""

    __tablename__ = "attempts"

    delivery_id: Mapped[str] = mapped_column(
        Id, ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("att"))
    number: Mapped[int]
    #: automatic or manual.
    trigger: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: The address it was sent to; a webhook's URL can change between attempts.
    url: Mapped[str] = mapped_column(String(2048))
    #: JSON lists of [name, value] pairs, in their order, secrets masked.
    request_headers: Mapped[str] = mapped_column(Text)
    response_headers: Mapped[str | None] = mapped_column(Text)
    response_body: Mapped[str | None] = mapped_column(Text)
    response_truncated: Mapped[bool] = mapped_column(default=False, server_default=false())
    status_code: Mapped[int | None]
    error_kind: Mapped[str | None] = mapped_column(String(32))
    error_detail: Mapped[str | None] = mapped_column(String(500))
    remote_address: Mapped[str | None] = mapped_column(String(64))
    dns_ms: Mapped[float | None] = mapped_column(Float)
    connect_ms: Mapped[float | None] = mapped_column(Float)
    tls_ms: Mapped[float | None] = mapped_column(Float)
    first_byte_ms: Mapped[float | None] = mapped_column(Float)
    total_ms: Mapped[float | None] = mapped_column(Float)
    #: Its lease had ended: it happened, but another attempt decides the delivery's state.
    is_superseded: Mapped[bool] = mapped_column(default=False, server_default=false())


class DeliveryCount(Base):
    """What happened for one webhook in one hour. Written with the results it counts, so it never drifts."""

    __tablename__ = "delivery_counts"
    __table_args__ = (Index(None, "team_id", "hour"),)

    webhook_id: Mapped[str] = mapped_column(
        Id, ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True
    )
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    #: Its webhook's team, for scoping; the webhook's foreign key already ties it to the team.
    team_id: Mapped[str] = mapped_column(Id)
    succeeded: Mapped[int] = mapped_column(default=0, server_default="0")
    failed: Mapped[int] = mapped_column(default=0, server_default="0")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    attempt_failures: Mapped[int] = mapped_column(default=0, server_default="0")
    total_ms: Mapped[float] = mapped_column(Float, default=0.0, server_default="0")
