"""API keys: what a machine shows instead of a person."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.types import Id, Json, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class ApiKey(Base):
    """A key of a team. The key itself is not stored: only its public id and a bcrypt hash."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "team_id", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("key"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    #: The public part of the key, by which it is found.
    kid: Mapped[str] = mapped_column(String(12), unique=True)
    key_hash: Mapped[str] = mapped_column(String(80))
    #: Permission names, sorted.
    scopes: Mapped[list[str]] = mapped_column(Json)
    created_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
