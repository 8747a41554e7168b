"""API keys: what a machine shows instead of a person. Who uses them, how often, and who still has an old one."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.types import Id, Json, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id

PER_HOUR = 1_000
PER_DAY = 10_000


class ApiKey(Base):
    """A key of a team. The key itself is not stored: only its public id and a bcrypt hash."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "team_id", "id"), Index(None, "team_id", "responsible_id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("key"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    #: `sb_test_…`: what it emits is marked as a test.
    is_test: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The public part of the key, by which it is found.
    kid: Mapped[str] = mapped_column(String(12), unique=True)
    key_hash: Mapped[str] = mapped_column(String(80))
    #: After a regeneration the key before works until its grace ends. Shown as such, with who still uses it.
    previous_kid: Mapped[str | None] = mapped_column(String(12), unique=True)
    previous_key_hash: Mapped[str | None] = mapped_column(String(80))
    previous_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Permission names, sorted.
    scopes: Mapped[list[str]] = mapped_column(Json)
    #: Networks it may be used from, in CIDR notation; empty: from everywhere.
    networks: Mapped[list[str]] = mapped_column(Json, default=list, server_default="[]")
    per_hour: Mapped[int] = mapped_column(default=PER_HOUR, server_default=str(PER_HOUR))
    per_day: Mapped[int] = mapped_column(default=PER_DAY, server_default=str(PER_DAY))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When its team was notified that it expires soon; NULL again when the expiry changes.
    expiry_notified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Counts every change that matters to verification: what Redis caches under an older version is invalid.
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    used_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_address: Mapped[str | None] = mapped_column(String(64))
    created_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    #: Who is responsible for it: the user or the API key that made it, or that kept it in a review. None: the operator.
    responsible_id: Mapped[str | None] = mapped_column(Id)
    #: Since when it waits for somebody to keep or revoke it, and why.
    review_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    review_reason: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApiKeyHour(Base):
    """How often a key was used in one hour, and how often its limits refused it."""

    __tablename__ = "api_key_hours"
    __table_args__ = (Index(None, "team_id", "hour"),)

    api_key_id: Mapped[str] = mapped_column(
        Id, ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True
    )
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    #: Its key's team, for scoping; the key's foreign key already ties it to the team.
    team_id: Mapped[str] = mapped_column(Id)
    used: Mapped[int] = mapped_column(default=0, server_default="0")
    refused: Mapped[int] = mapped_column(default=0, server_default="0")


class ApiKeyCaller(Base):
    """A program that used the key before, during its grace: it has to be given the new one."""

    __tablename__ = "api_key_callers"

    #: The public part of the old key.
    kid: Mapped[str] = mapped_column(String(12), primary_key=True)
    #: Of address and user agent together.
    fingerprint: Mapped[str] = mapped_column(String(32), primary_key=True)
    api_key_id: Mapped[str] = mapped_column(Id, ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(300))
    used_count: Mapped[int] = mapped_column(default=0, server_default="0")
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
