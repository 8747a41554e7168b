"""Signed-in sessions: a signed cookie that names the user and the version of their sessions."""

from dataclasses import dataclass

from flask import Flask, session
from flask_login import UserMixin, login_user, logout_user
from sqlalchemy import select

from app.accounts.models import User
from app.db.session import reading
from app.extensions import db, login_manager
from app.web.access import sign_in_first

#: Session key: the team whose page was seen last.
LAST_TEAM = "last_team"


@dataclass(frozen=True, slots=True)
class SessionUser(UserMixin):  # type: ignore[misc]
    """The signed-in user as a value: holding it keeps no transaction open."""

    id: str
    name: str
    email: str
    session_version: int
    last_team_id: str | None

    def get_id(self) -> str:
        """Return what the session cookie stores. Raising the version makes every older cookie worthless."""
        return f"{self.id}:{self.session_version}"


def init_sessions(app: Flask) -> None:
    """Tell Flask-Login how to find users, and what to answer to nobody."""
    login_manager.user_loader(_user_of_session)
    login_manager.unauthorized_handler(sign_in_first)
    login_manager.session_protection = "basic"


def start_session(user_id: str) -> None:
    """Sign the user in on this browser, in a session that shares nothing with the one before."""
    user = find_session_user(user_id)
    if user is None:
        raise LookupError(f"user {user_id} does not exist")
    session.clear()
    session.permanent = True
    login_user(user)


def end_session() -> None:
    """Sign out on this browser."""
    logout_user()
    session.clear()


def find_session_user(user_id: str) -> SessionUser | None:
    """Return the user as sessions carry them, read in a transaction of its own that is over."""
    statement = select(User.id, User.name, User.email, User.session_version, User.last_team_id)
    with reading(), db.engine.connect() as connection:
        row = connection.execute(statement.where(User.id == user_id)).one_or_none()
    return SessionUser(*row) if row else None


def _user_of_session(cookie_id: str) -> SessionUser | None:
    user_id, _, version = cookie_id.partition(":")
    user = find_session_user(user_id)
    if user is None or str(user.session_version) != version:
        return None
    return user
