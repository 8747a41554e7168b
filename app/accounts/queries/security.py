"""How an account is protected: its sessions, its second factor, its links to a provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ScalarSelect, func, select

from app.accounts import user_agents
from app.accounts.models import OpenIdAccount, RecoveryCode, User, UserSession
from app.accounts.rules import SESSION_VALID
from app.extensions import db
from app.lib import clock
from app.lib.errors import NotFound

#: More are not listed; "everywhere else" ends them all.
SESSIONS_SHOWN_MAX = 100
_SIGNED_IN = {
    "password": "Password",
    "totp": "Password and code",
    "recovery_code": "Password and recovery code",
    "openid": "OpenID provider",
    "sign_up": "Sign-up",
    "reset": "Password reset",
    "link": "Mailed link",
}


@dataclass(frozen=True, slots=True)
class ShownSession:
    """A browser in which a user is signed in."""

    id: str
    browser: str
    address: str | None
    method: str
    started_at: datetime
    last_seen_at: datetime
    is_this: bool


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """An account at an OpenID provider with which a user signs in."""

    id: str
    issuer: str
    email: str | None
    linked_at: datetime


@dataclass(frozen=True, slots=True)
class Security:
    """How a user's account is protected."""

    has_password: bool
    new_email: str | None
    second_factor_since: datetime | None
    recovery_codes_left: int
    session_count: int
    linked: Sequence[LinkedAccount]


def security_of(user_id: str) -> Security:
    """Return how the account of a user is protected. Raises NotFound when there is none (any more)."""
    codes_left = select(func.count()).where(RecoveryCode.user_id == User.id, RecoveryCode.used_at.is_(None))
    row = db.session.execute(
        select(
            User.password_hash != "",
            User.new_email,
            User.totp_enabled_at,
            codes_left.correlate(User).scalar_subquery(),
            _open_session_count(),
        ).where(User.id == user_id)
    ).one_or_none()
    if row is None:
        raise NotFound("This account does not exist any more.")
    has_password, new_email, since, left, session_count = row
    accounts = db.session.scalars(
        select(OpenIdAccount).where(OpenIdAccount.user_id == user_id).order_by(OpenIdAccount.id)
    )
    linked = [LinkedAccount(each.id, each.issuer, each.email, each.created_at) for each in accounts]
    return Security(bool(has_password), new_email, since, left, session_count, linked)


def sessions_of(user_id: str, *, current_id: str) -> Sequence[ShownSession]:
    """Return the sessions of a user that go on: this one first, then by when they were used last."""
    rows = db.session.scalars(
        select(UserSession)
        .where(
            UserSession.user_id == user_id,
            UserSession.ended_at.is_(None),
            UserSession.last_seen_at > clock.now() - SESSION_VALID,
        )
        .order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())
        .limit(SESSIONS_SHOWN_MAX)
    )
    shown = [_session(row, current_id) for row in rows]
    return sorted(shown, key=lambda each: not each.is_this)


def get_session(user_id: str, session_id: str, *, current_id: str) -> ShownSession:
    """Return a session of the user that goes on. Raises NotFound."""
    row = db.session.scalar(
        select(UserSession).where(
            UserSession.user_id == user_id, UserSession.id == session_id, UserSession.ended_at.is_(None)
        )
    )
    if row is None:
        raise NotFound("This session is over already. The list shows those that are left.")
    return _session(row, current_id)


def _open_session_count() -> ScalarSelect[int]:
    return (
        select(func.count())
        .where(
            UserSession.user_id == User.id,
            UserSession.ended_at.is_(None),
            UserSession.last_seen_at > clock.now() - SESSION_VALID,
        )
        .correlate(User)
        .scalar_subquery()
    )


def _session(row: UserSession, current_id: str) -> ShownSession:
    return ShownSession(
        id=row.id,
        browser=user_agents.in_words(row.user_agent),
        address=row.address,
        method=_SIGNED_IN[row.method],
        started_at=row.created_at,
        last_seen_at=row.last_seen_at,
        is_this=row.id == current_id,
    )
