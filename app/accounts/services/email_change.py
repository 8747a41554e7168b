"""Another address to sign in with: it counts once the link that was mailed there is used."""

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.accounts import tokens
from app.accounts.models import User
from app.accounts.services.users import checked_email, confirm_password, email_taken, find_user
from app.accounts.trail import record_in_teams
from app.extensions import db
from app.lib.errors import Conflict, Invalid, NotFound
from app.outbox import services as outbox


def request_change(user_id: str, *, email: str, password: str) -> str:
    """Have a link mailed to the new address, and a notice to the old one; returns the new address.

    Raises Invalid.
    """
    email = checked_email(email)
    user = confirm_password(user_id, password)
    if email == user.email:
        raise Invalid.field("email", "This is the address you have. Enter another one.")
    if db.session.scalar(select(User.id).where(User.email == email)) is not None:
        db.session.rollback()
        raise email_taken()
    db.session.execute(update(User).where(User.id == user_id).values(new_email=email))
    outbox.add_mail(db.session(), "accounts.email_notice", user_id)
    outbox.add_mail(db.session(), "accounts.email_confirmation", user_id)
    db.session.commit()
    outbox.nudge()
    return email


def cancel_change(user_id: str) -> None:
    """Cancel the change: the link that was mailed there is invalid."""
    db.session.execute(update(User).where(User.id == user_id).values(new_email=None))
    db.session.commit()


def find_change(token: str) -> User | None:
    """Return whose address the token changes to their `new_email`; None when it is invalid (any more)."""
    content = tokens.read_email_token(token)
    if content is None:
        return None
    user_id, email, state = content
    user = find_user(User.id == user_id)
    if user is None or user.new_email != email or not tokens.is_unused_for(user, state):
        return None
    return user


def confirm_change(token: str) -> str:
    """Change the address of the user with a mailed token and return it; reset links to the old one become invalid.

    Raises NotFound when the token is invalid (any more), Conflict when somebody else took the address since.
    """
    user = find_change(token)
    if user is None or user.new_email is None:
        raise _invalid_link()
    new, old = user.new_email, user.email
    try:
        changed = db.session.execute(
            update(User)
            # What was read must still hold: another password, or the end of all sessions, stops the change.
            .where(
                User.id == user.id,
                User.email == old,
                User.new_email == new,
                User.password_hash == user.password_hash,
                User.session_version == user.session_version,
            )
            .values(email=new, new_email=None)
            .returning(User.id)
        ).one_or_none()
        if changed is None:
            db.session.rollback()
            raise _invalid_link()
        record_in_teams(user.id, "user.email_changed", changes={"email": (old, new)})
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict(f"Another account has the address {new} by now. Choose another one.") from None
    return new


def _invalid_link() -> NotFound:
    return NotFound(
        "This link was used already, or it is too old. Change the address again on the account page."
    )
