"""Mailed links that sign in without the password: for owners whose account is limited because of guessing."""

from sqlalchemy import update

from app.accounts import tokens
from app.accounts.models import User
from app.accounts.services.users import Authenticated, find_user, mail_if_known
from app.extensions import db
from app.lib.errors import NotFound


def request_link(email: str) -> None:
    """Have a sign-in link mailed to the address if it has an account; nothing reveals whether it has."""
    mail_if_known("accounts.sign_in_link", email)


def find_user_of_link(token: str) -> User | None:
    """Return the user whom the token still signs in; None when it is forged, too old or used."""
    content = tokens.read_sign_in_token(token)
    if content is None:
        return None
    user_id, version, state = content
    user = find_user(User.id == user_id)
    if user is None or user.sign_in_link_version != version or not tokens.is_unused_for(user, state):
        return None
    return user


def use_link(token: str) -> Authenticated:
    """Use up the link, and every other one of the user, and return who it is; a second factor is still to be asked for.

    Raises NotFound when the link is invalid (any more); of two who use it at the same moment, for one of them.
    """
    user = find_user_of_link(token)
    used = (
        user
        and db.session.execute(
            update(User)
            # What was read must still hold: a new password or a used link ends the others.
            .where(
                User.id == user.id,
                User.sign_in_link_version == user.sign_in_link_version,
                User.password_hash == user.password_hash,
                User.session_version == user.session_version,
            )
            .values(sign_in_link_version=User.sign_in_link_version + 1)
            .returning(User.id)
        ).one_or_none()
    )
    if user is None or not used:
        db.session.rollback()
        raise NotFound(
            "This link was used already, or it is older than 15 minutes. Ask for a new one on the sign-in page."
        )
    db.session.commit()
    return Authenticated(user.id, user.session_version, user.totp_enabled_at is not None)
