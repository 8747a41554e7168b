"""Signing up and in, and what people change about their own account."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import queues
from app.accounts import rules, tokens
from app.accounts.models import Membership, User
from app.accounts.services.teams import add_team
from app.db.session import reading
from app.extensions import db
from app.lib import passwords
from app.lib.errors import Conflict, Invalid, NotFound
from app.lib.ids import new_id
from app.web.permissions import Role

#: A number of ours for PostgreSQL's advisory locks: whoever holds it decides who the first owner is.
_FIRST_OWNER_LOCK = 5_140_001


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Who signs up."""

    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class SignedUp:
    """The ids that a new session needs."""

    user_id: str
    team_slug: str


def sign_up(person: NewPerson, *, team_name: str) -> SignedUp:
    """Create a user and their team. Raises Invalid."""
    user = prepared_user(person)
    return _create_with_team(user, team_name)


def sign_up_first_owner(person: NewPerson, *, team_name: str, token: str) -> SignedUp:
    """Create the first user with the link that only the operator can make. Raises Invalid, NotFound.

    Of two people who use the link at the same moment, one becomes owner and the other is told.
    """
    if not tokens.is_first_owner_token(token):
        raise NotFound("This set-up link is not valid. Make a new one: flask accounts first-owner-link")
    user = prepared_user(person)
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _FIRST_OWNER_LOCK})
    if db.session.scalar(select(User.id).limit(1)) is not None:
        raise NotFound("Signalbox is set up already. Sign in, or ask for an invitation.")
    return _create_with_team(user, team_name)


def prepared_user(person: NewPerson) -> User:
    """Return a user to add in a transaction that begins later: hashing takes a while. Raises Invalid."""
    email = _checked_email(person.email)
    name = rules.one_line(person.name)
    if not name or len(name) > rules.USER_NAME_CHARS_MAX:
        raise Invalid.field("name", f"Enter your name, at most {rules.USER_NAME_CHARS_MAX} characters.")
    _refuse_weak(person.password, email)
    return User(email=email, name=name, password_hash=passwords.hash_secret(person.password))


def add_user(user: User) -> None:
    """Add a prepared user to the open transaction. Raises Invalid when the address has an account."""
    if db.session.scalar(select(User.id).where(User.email == user.email)) is not None:
        raise _email_taken()
    try:
        with db.session.begin_nested():
            db.session.add(user)
    except IntegrityError:  # Somebody signed up with it since the line above.
        raise _email_taken() from None


def authenticate(email: str, password: str) -> str | None:
    """Return the id of the user with this address and password, or None; both take the same time."""
    email = email.strip().lower()
    # No account has such an address, and PostgreSQL refuses to look for a NUL.
    user = _find_user(User.email == email) if email.isprintable() else None
    if user is None:
        passwords.spend_the_time_of_a_check()
        return None
    return user.id if passwords.matches(password, user.password_hash) else None


def change_name(user_id: str, name: str) -> None:
    """Give the user another name. Raises Invalid."""
    name = rules.one_line(name)
    if not name or len(name) > rules.USER_NAME_CHARS_MAX:
        raise Invalid.field("name", f"Enter your name, at most {rules.USER_NAME_CHARS_MAX} characters.")
    db.session.execute(update(User).where(User.id == user_id).values(name=name))
    db.session.commit()


def change_email(user_id: str, *, email: str, password: str) -> None:
    """Change the address with which the user signs in; reset links to the old one die. Raises Invalid."""
    email = _checked_email(email)
    _confirm(user_id, password)
    if db.session.scalar(select(User.id).where(User.email == email, User.id != user_id)) is not None:
        raise _email_taken()
    try:
        db.session.execute(update(User).where(User.id == user_id).values(email=email))
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise _email_taken() from None


def change_password(user_id: str, *, current: str, new: str) -> None:
    """Change the password and end every session of the user. Raises Invalid."""
    user = _confirm(user_id, current)
    _refuse_weak(new, user.email, field="new_password")
    if current == new:
        raise Invalid.field("new_password", "This is the password you have. Choose another one.")
    _store_password(user, passwords.hash_secret(new))


def end_sessions(user_id: str) -> None:
    """End every session of the user, this one included."""
    db.session.execute(
        update(User).where(User.id == user_id).values(session_version=User.session_version + 1)
    )
    db.session.commit()


def remember_team(user_id: str, team_id: str) -> None:
    """Remember the team in which the user worked last, if they are in it."""
    is_member = select(Membership.user_id).where(Membership.user_id == user_id, Membership.team_id == team_id)
    db.session.execute(
        update(User).where(User.id == user_id, is_member.exists()).values(last_team_id=team_id)
    )
    db.session.commit()


def request_password_reset(email: str) -> None:
    """Have a reset link mailed to the address if it has an account. Raises Unavailable.

    Does the same work either way, so that neither answer nor time tell whether there is one.
    """
    user = _find_user(User.email == email.strip().lower())
    queues.enqueue("accounts.send_password_reset", user.id if user else new_id("usr"))


def find_user_of_reset(token: str) -> User | None:
    """Return whose password the token still resets; None when it is forged, too old or used."""
    content = tokens.read_reset_token(token)
    if content is None:
        return None
    user_id, state = content
    user = _find_user(User.id == user_id)
    return user if user is not None and tokens.is_unused_for(user, state) else None


def reset_password(token: str, new: str) -> str:
    """Set a new password with a mailed token, end every session and return the user's id.

    Raises NotFound when the token is worthless (any more), Invalid for a weak password.
    """
    user = find_user_of_reset(token)
    if user is None:
        raise NotFound(
            "This link was used already, or it is older than an hour. Ask for a new one on the sign-in page."
        )
    _refuse_weak(new, user.email)
    _store_password(user, passwords.hash_secret(new))
    return user.id


def _create_with_team(user: User, team_name: str) -> SignedUp:
    name = rules.one_line(team_name)
    if not name or len(name) > rules.TEAM_NAME_CHARS_MAX:
        raise Invalid.field(
            "team_name", f"Give the team a name, at most {rules.TEAM_NAME_CHARS_MAX} characters."
        )
    add_user(user)
    team = add_team(name)
    db.session.add(Membership(team_id=team.id, user_id=user.id, role=Role.OWNER))
    user.last_team_id = team.id
    signed_up = SignedUp(user.id, team.slug)
    db.session.commit()
    return signed_up


def _find_user(condition: ColumnElement[bool]) -> User | None:
    """Return a user that belongs to no session: no transaction stays open while bcrypt runs."""
    with reading(), Session(db.engine, expire_on_commit=False) as short:
        return short.scalar(select(User).where(condition))


def _confirm(user_id: str, password: str) -> User:
    user = _find_user(User.id == user_id)
    if user is None or not passwords.matches(password, user.password_hash):
        raise Invalid.field("current_password", "This is not your password.")
    return user


def _store_password(user: User, password_hash: str) -> None:
    changed = db.session.execute(
        update(User)
        # What was read before hashing must still hold: a token or an old password counts once.
        .where(
            User.id == user.id,
            User.password_hash == user.password_hash,
            User.session_version == user.session_version,
        )
        .values(password_hash=password_hash, session_version=User.session_version + 1)
        .returning(User.id)
    ).one_or_none()
    if changed is None:
        db.session.rollback()
        raise Conflict("The password was changed elsewhere at the same moment. Sign in with that one.")
    db.session.commit()


def _checked_email(text_: str) -> str:
    try:
        return rules.normal_email(text_)
    except ValueError as error:
        raise Invalid.field("email", str(error)) from None


def _refuse_weak(password: str, email: str, *, field: str = "password") -> None:
    wrong = rules.wrong_with_password(password, email=email)
    if wrong:
        raise Invalid.field(field, wrong)


def _email_taken() -> Invalid:
    return Invalid.field(
        "email", "There is an account with this address. Sign in instead, or use another one."
    )
