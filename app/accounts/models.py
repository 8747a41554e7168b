"""Users, the teams they work in, and how they got there."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base
from app.db.sealed import sealed
from app.db.types import Id, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class User(Base):
    """A person who signs in. A member of teams through memberships."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("usr"))
    #: Lower case: two spellings of one address are one account.
    email: Mapped[str] = mapped_column(String(254), unique=True)
    #: The address that is to replace it, until the link that was mailed there is used.
    new_email: Mapped[str | None] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(100))
    #: Empty for users who sign in at the company's OpenID provider only.
    password_hash: Mapped[str] = mapped_column(String(80))
    #: Part of every session and reset link; raising it ends them all.
    session_version: Mapped[int] = mapped_column(default=1)
    #: Part of every mailed sign-in link; raised when one is used, so that each works once.
    sign_in_link_version: Mapped[int] = mapped_column(default=1, server_default="1")
    last_team_id: Mapped[str | None] = mapped_column(Id, ForeignKey("teams.id", ondelete="SET NULL"))
    #: Sealed secret of the authenticator app (RFC 6238); asked for at sign-in once `totp_enabled_at` is set.
    totp_secret_sealed: Mapped[str | None] = mapped_column(
        Text,
        info=sealed(
            "totp_secret_sealed",
            when_lost="turn their second factor off: flask accounts disable-second-factor.",
        ),
    )
    totp_enabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The last time step whose code was accepted: a code works once.
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    #: Requests per minute, where the operator gave this user a limit of their own.
    per_minute: Mapped[int | None]
    #: Sees and does what belongs to no team, such as background jobs.
    is_operator: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class Team(Base):
    """Owns everything. Its slug stands in the address of its pages and never changes."""

    __tablename__ = "teams"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("team"))
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    #: free, pro or enterprise: how many API requests the team may make.
    tier: Mapped[str] = mapped_column(String(16), default="free", server_default="free")
    #: API requests per hour, where the operator gave this team another limit than its tier's.
    per_hour: Mapped[int | None]
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
    #: The API key that made it instead: the invitation ends with the key. Keys belong to a feature above, so it is
    #: no foreign key.
    invited_by_key_id: Mapped[str | None] = mapped_column(Id)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    accepted_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    team: Mapped[Team] = relationship()
    invited_by: Mapped[User | None] = relationship(foreign_keys=[invited_by_id])


class UserSession(Base):
    """One browser in which a user signed in. The cookie carries its id: ending it here signs the browser out."""

    __tablename__ = "user_sessions"
    __table_args__ = (Index(None, "user_id", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("ses"))
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"))
    #: How it began: password, totp, recovery_code, openid, sign_up, reset, link.
    method: Mapped[str] = mapped_column(String(16))
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    #: To the minute or so, to avoid a write for every request.
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RecoveryCode(Base):
    """A code that signs in once when the authenticator app is lost. Only its digest is stored."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    code_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class OpenIdAccount(Base):
    """An account at the company's OpenID provider with which a user signs in: `subject` as `issuer` calls it."""

    __tablename__ = "openid_accounts"
    __table_args__ = (UniqueConstraint("issuer", "subject"), Index(None, "user_id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("oid"))
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"))
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(254))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
