"""Signed-in sessions: a signed cookie that names a stored session and the version of the user's sessions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, request, session
from flask_login import UserMixin, current_user, login_user, logout_user
from sqlalchemy import bindparam, select

from app.accounts.known_devices import mark_device_known
from app.accounts.models import User, UserSession
from app.accounts.services import sessions as services
from app.accounts.services.sessions import SEEN_AGAIN_AFTER, Browser
from app.db.session import reading
from app.extensions import db, login_manager
from app.lib import clock
from app.web.access import sign_in_first

#: Session key: the team whose page was seen last.
LAST_TEAM = "last_team"
#: How long the second step may take: between the right password and the code.
SECOND_STEP_VALID_S = 300
_SECOND_STEP = "second_step"

_USER_OF_SESSION = (
    select(
        User.id,
        User.name,
        User.email,
        User.session_version,
        User.last_team_id,
        User.per_minute,
        User.is_operator,
        UserSession.id,
        UserSession.last_seen_at,
    )
    .join(UserSession, UserSession.user_id == User.id)
    .where(UserSession.id == bindparam("session_id"), UserSession.ended_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class SessionUser(UserMixin):  # type: ignore[misc]
    """The signed-in user as a detached value: it keeps no transaction open."""

    id: str
    name: str
    email: str
    session_version: int
    last_team_id: str | None
    per_minute: int | None
    is_operator: bool
    session_id: str
    last_seen_at: datetime

    def get_id(self) -> str:
        """Return what the session cookie stores. Raising the version makes every older cookie invalid."""
        return f"{self.session_id}:{self.session_version}"


@dataclass(frozen=True, slots=True)
class SecondStep:
    """A user who gave the right password and has yet to give a code."""

    user_id: str
    session_version: int
    next_path: str | None


def init_sessions(app: Flask) -> None:
    """Register with Flask-Login how users are found, and the answer to visitors who are not signed in."""
    login_manager.user_loader(_user_of_session)
    login_manager.unauthorized_handler(sign_in_first)
    login_manager.session_protection = "basic"


def start_session(user_id: str, *, method: str) -> None:
    """Sign the user in on this browser, in a session that shares nothing with the one before."""
    if current_user.is_authenticated:
        services.sign_out(current_user.id, current_user.session_id)
    browser = Browser(request.remote_addr, request.headers.get("User-Agent"))
    session_id = services.begin(user_id, method=method, browser=browser)
    session.clear()
    _log_in(session_id)
    mark_device_known(user_id)


def renew_session() -> None:
    """Give this browser a cookie for the user's new version of sessions; copies of the old one are invalid."""
    session_id, user_id = current_user.session_id, current_user.id
    session.clear()
    _log_in(session_id)
    mark_device_known(user_id)


def end_session() -> None:
    """Sign out on this browser, and wherever its cookie was copied to."""
    if current_user.is_authenticated:
        services.sign_out(current_user.id, current_user.session_id)
    logout_user()
    session.clear()


def begin_second_step(step: SecondStep) -> None:
    """Store in this browser's session who may go on to the second step. Nobody is signed in by that."""
    if current_user.is_authenticated:
        end_session()
    session.clear()
    session[_SECOND_STEP] = [
        step.user_id, step.session_version, step.next_path, int(clock.epoch_s()) + SECOND_STEP_VALID_S
    ]  # fmt: skip


def find_second_step() -> SecondStep | None:
    """Return who has yet to give a code in this browser; None when nobody has, or it is too late."""
    kept: Any = session.get(_SECOND_STEP)
    if not kept:
        return None
    *step, ends_at = kept
    if ends_at < clock.epoch_s():
        session.pop(_SECOND_STEP)
        return None
    return SecondStep(*step)


def find_session_user(session_id: str) -> SessionUser | None:
    """Return the user of a valid session, read in a transaction of its own."""
    with reading(), db.engine.connect() as connection:
        row = connection.execute(_USER_OF_SESSION, {"session_id": session_id}).one_or_none()
    return SessionUser(*row) if row else None


def _log_in(session_id: str) -> None:
    user = find_session_user(session_id)
    if user is None:
        raise LookupError(f"session {session_id} is over")
    session.permanent = True
    login_user(user)


def _user_of_session(cookie_id: str) -> SessionUser | None:
    session_id, _, version = cookie_id.partition(":")
    user = find_session_user(session_id)
    if user is None or str(user.session_version) != version:
        return None
    if clock.now() - user.last_seen_at > SEEN_AGAIN_AFTER:
        services.note_seen(session_id)
    return user
