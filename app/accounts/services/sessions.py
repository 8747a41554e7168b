"""Sessions: begun at sign-in, ended by their owner, deleted once they have expired."""

from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import OperationalError

from app.accounts.models import User, UserSession
from app.accounts.rules import SESSION_VALID
from app.accounts.trail import record_in_teams
from app.db.session import writing
from app.extensions import db
from app.lib import clock
from app.lib.errors import NotFound
from app.lib.ids import is_id

log = structlog.get_logger()

#: The time is written at most this often: a page with several fragments needs one write.
SEEN_AGAIN_AFTER = timedelta(minutes=1)

_METHODS = {
    "password": "with the password",
    "totp": "with the password and a code",
    "recovery_code": "with the password and a recovery code",
    "openid": "at the OpenID provider",
    "sign_up": "by signing up",
    "reset": "by resetting the password",
    "link": "with a mailed link",
}


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a session is used from, as far as the request shows it."""

    address: str | None
    user_agent: str | None


def begin(user_id: str, *, method: str, browser: Browser) -> str:
    """Begin a session of the user and return its id. `method`: how they proved who they are.

    Raises LookupError when there is no such user (any more).
    """
    if db.session.scalar(select(User.id).where(User.id == user_id)) is None:
        db.session.rollback()
        raise LookupError(f"user {user_id} does not exist")
    begun = UserSession(
        user_id=user_id,
        method=method,
        address=browser.address,
        user_agent=browser.user_agent[:300] if browser.user_agent else None,
    )
    db.session.add(begun)
    db.session.flush()
    session_id = begun.id
    record_in_teams(user_id, "user.signed_in", detail=f"Signed in {_METHODS[method]}.")
    db.session.commit()
    return session_id


def sign_out(user_id: str, session_id: str) -> None:
    """End the session that asks for it: copies of its cookie become invalid."""
    if _end(user_id, session_id):
        record_in_teams(user_id, "user.signed_out")
    db.session.commit()


def end_one(user_id: str, session_id: str) -> None:
    """End another session of the user. Raises NotFound when it is not theirs or over already."""
    if not is_id(session_id, "ses") or not _end(user_id, session_id):
        db.session.rollback()
        raise NotFound("This session is over already. The list shows those that are left.")
    record_in_teams(user_id, "user.sessions_ended", detail="One session was ended from another one.")
    db.session.commit()


def end_all(user_id: str, *, but: str | None = None) -> None:
    """End every session of the user, `but` one: its cookie has to be renewed, copies of it are invalid too."""
    end_in_transaction(user_id, but=but)
    db.session.execute(
        update(User).where(User.id == user_id).values(session_version=User.session_version + 1)
    )
    which = "Every session but one was ended." if but else "Every session was ended."
    record_in_teams(user_id, "user.sessions_ended", detail=which)
    db.session.commit()


def end_in_transaction(user_id: str, *, but: str | None = None) -> None:
    """End the user's sessions as a part of the open transaction."""
    statement = update(UserSession).where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
    if but is not None:
        statement = statement.where(UserSession.id != but)
    db.session.execute(statement.values(ended_at=clock.now()))


def note_seen(session_id: str) -> None:
    """Record that the session is in use, in a transaction of its own. Its failure does not fail the request."""
    if db.session.registry.has() and db.session().in_transaction():
        return  # The request may hold SQLite's one writer already, and would deadlock with itself.
    now = clock.now()
    try:
        with writing(), db.engine.begin() as connection:
            connection.execute(
                update(UserSession)
                .where(UserSession.id == session_id, UserSession.last_seen_at < now - SEEN_AGAIN_AFTER)
                .values(last_seen_at=now)
            )
    except OperationalError:
        log.warning("session_not_noted", session_id=session_id)


def trim() -> int:
    """Delete the expired sessions; returns how many."""
    trimmed = db.session.execute(
        delete(UserSession)
        .where(or_(UserSession.ended_at.is_not(None), UserSession.last_seen_at < clock.now() - SESSION_VALID))
        .returning(UserSession.id)
    ).all()
    db.session.commit()
    return len(trimmed)


def _end(user_id: str, session_id: str) -> bool:
    ended = db.session.execute(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == user_id, UserSession.ended_at.is_(None))
        .values(ended_at=clock.now())
        .returning(UserSession.id)
    )
    return ended.one_or_none() is not None
