"""Events and the types that a team adds to the built-in catalogue."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.types import Id, Json, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class EventType(Base):
    """A team's own event type."""

    __tablename__ = "event_types"
    __table_args__ = (UniqueConstraint("team_id", "name"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("ety"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500), default="")
    #: The `data` of an example event.
    example: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class Event(Base):
    """Something that happened, exactly as every webhook receives it."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("team_id", "idempotency_key"),
        Index(None, "team_id", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("evt"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(100))
    #: The JSON that is sent: `{"id", "type", "timestamp", "data"}`. Signed as it stands here.
    body: Mapped[str] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    #: SHA-256 of type and data as received: whether a request under the same key is a repetition or another one.
    request_digest: Mapped[str] = mapped_column(String(64))
    is_test: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
