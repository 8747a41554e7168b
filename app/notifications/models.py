"""Notifications, and the messages of theirs that are to be posted."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, true
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.leases import Leased
from app.db.types import Id, Json, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class Notification(Base):
    """A rule: of these events a message is posted through this integration."""

    __tablename__ = "notifications"
    __table_args__ = (Index(None, "team_id", "id"), Index(None, "integration_id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("ntf"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    integration_id: Mapped[str] = mapped_column(Id, ForeignKey("integrations.id", ondelete="CASCADE"))
    #: Names of operational types.
    event_types: Mapped[list[str]] = mapped_column(Json)
    #: Empty: the integration has a channel of its own.
    channel: Mapped[str] = mapped_column(String(100), default="", server_default="")
    is_enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    #: What became of the last message.
    last_posted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(500))
    created_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class PendingNotification(Leased, Base):
    """A message about one event. The row is deleted once it was posted or given up."""

    __tablename__ = "pending_notifications"
    __table_args__ = (Index(None, "due_at"), Index(None, "notification_id"))

    notification_id: Mapped[str] = mapped_column(Id, ForeignKey("notifications.id", ondelete="CASCADE"))
    #: Its notification's team, for scoping.
    team_id: Mapped[str] = mapped_column(Id)
    #: Without a foreign key, which would slow the trimming of events: a message about one that is gone is dropped.
    event_id: Mapped[str] = mapped_column(Id)
    attempt_count: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
