"""Users, the teams they work in, and how they got there."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base
from app.db.types import Id, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class User(Base):
    """A person who signs in. Belongs to teams through memberships."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("usr"))
    #: Lower case: two spellings of one address are one account.
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str] = mapped_column(String(80))
    #: Part of every session and reset link; raising it ends them all.
    session_version: Mapped[int] = mapped_column(default=1)
    last_team_id: Mapped[str | None] = mapped_column(Id, ForeignKey("teams.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class Team(Base):
    """Owns everything. Its slug stands in the address of its pages and never changes."""

    __tablename__ = "teams"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("team"))
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class Membership(Base):
    """A user's role in a team: owner, admin, member or viewer."""

    __tablename__ = "memberships"
    __table_args__ = (Index(None, "user_id"),)

    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    user: Mapped[User] = relationship()
    team: Mapped[Team] = relationship()


class Invitation(Base):
    """A link that lets one person join a team. Only the SHA-256 of its token is stored."""

    __tablename__ = "invitations"
    __table_args__ = (Index(None, "team_id", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("inv"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    #: Set: only an account with this address can accept, and the link was mailed there.
    email: Mapped[str | None] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(16))
    token_digest: Mapped[str] = mapped_column(String(64), unique=True)
    invited_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    accepted_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    team: Mapped[Team] = relationship()
    invited_by: Mapped[User | None] = relationship(foreign_keys=[invited_by_id])
