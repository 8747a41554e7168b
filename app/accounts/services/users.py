"""Signing up and in, and what people change about their own account."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import rules, tokens
from app.accounts.models import Membership, User
from app.accounts.services.sessions import end_in_transaction
from app.accounts.services.teams import add_team, record_new_team
from app.accounts.trail import record_in_teams
from app.db.session import reading
from app.extensions import db
from app.lib import passwords
from app.lib.errors import Conflict, Invalid, NotFound
from app.lib.ids import new_id
from app.outbox import services as outbox
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
class Authenticated:
    """A user who gave the right password; with a second factor that does not sign them in yet."""

    user_id: str
    session_version: int
    has_second_factor: bool


@dataclass(frozen=True, slots=True)
class SignedUp:
    """The ids that a new session needs."""

    user_id: str
    team_slug: str


def sign_up(person: NewPerson, *, team_name: str, is_operator: bool = False) -> SignedUp:
    """Create a user and their team. Raises Invalid."""
    user = prepared_user(person)
    user.is_operator = is_operator
    return _create_with_team(user, team_name)


def sign_up_first_owner(person: NewPerson, *, team_name: str, token: str) -> SignedUp:
    """Create the first user, an operator, with the link that only the operator can make.

    Of two people who use the link at the same moment, one becomes owner and the other gets an error. Raises Invalid,
    NotFound.
    """
    if not tokens.is_first_owner_token(token):
        raise NotFound("This set-up link is not valid. Make a new one: flask accounts first-owner-link")
    user = prepared_user(person)
    user.is_operator = True
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _FIRST_OWNER_LOCK})
    if db.session.scalar(select(User.id).limit(1)) is not None:
        raise NotFound("Signalbox is set up already. Sign in, or ask for an invitation.")
    return _create_with_team(user, team_name)


def prepared_user(person: NewPerson) -> User:
    """Return a user to add in a transaction that begins later: hashing takes a while. Raises Invalid."""
    email = checked_email(person.email)
    name = rules.one_line(person.name)
    if not name or len(name) > rules.USER_NAME_CHARS_MAX:
        raise Invalid.field("name", f"Enter your name, at most {rules.USER_NAME_CHARS_MAX} characters.")
    _refuse_weak(person.password, email)
    return User(email=email, name=name, password_hash=passwords.hash_secret(person.password))


def add_user(user: User) -> None:
    """Add a prepared user to the open transaction. Raises Invalid when the address has an account."""
    if db.session.scalar(select(User.id).where(User.email == user.email)) is not None:
        raise email_taken()
    try:
        with db.session.begin_nested():
            db.session.add(user)
    except IntegrityError:  # Somebody signed up with it since the line above.
        raise email_taken() from None


def authenticate(email: str, password: str) -> Authenticated | None:
    """Return the user with this address and password, or None, in the same time whether there is an account or not."""
    email = email.strip().lower()
    # No account has such an address, and PostgreSQL refuses to look for a NUL.
    user = find_user(User.email == email) if email.isprintable() else None
    if user is None or not user.password_hash:
        passwords.hash_dummy()
        return None
    if passwords.matches(password, user.password_hash):
        return Authenticated(user.id, user.session_version, user.totp_enabled_at is not None)
    return None


def note_failed_sign_in(user_id: str, address: str | None) -> None:
    """Record a failed sign-in with a wrong password of the user."""
    record_in_teams(
        user_id, "user.sign_in_failed", detail="Wrong password.", is_claimed_only=True, address=address
    )
    db.session.commit()


def id_of_address(email: str) -> str:
    """Return the id of the account with this address, or the empty string."""
    email = email.strip().lower()
    user = find_user(User.email == email) if email.isprintable() else None
    return user.id if user else ""


def change_name(user_id: str, name: str) -> None:
    """Give the user another name. Raises Invalid."""
    name = rules.one_line(name)
    if not name or len(name) > rules.USER_NAME_CHARS_MAX:
        raise Invalid.field("name", f"Enter your name, at most {rules.USER_NAME_CHARS_MAX} characters.")
    db.session.execute(update(User).where(User.id == user_id).values(name=name))
    db.session.commit()


def change_password(user_id: str, *, current: str, new: str, session_id: str | None = None) -> None:
    """Change the password and end every session of the user but this one. Raises Invalid.

    The cookie of the session that goes on has to be renewed.
    """
    user = confirm_password(user_id, current)
    _refuse_weak(new, user.email, field="new_password")
    if current == new:
        raise Invalid.field("new_password", "This is the password you have. Choose another one.")
    _store_password(user, passwords.hash_secret(new), "user.password_changed", kept_session_id=session_id)


def record_last_team(user_id: str, team_id: str) -> None:
    """Record the team in which the user worked last, if they are in it."""
    is_member = select(Membership.user_id).where(Membership.user_id == user_id, Membership.team_id == team_id)
    db.session.execute(
        update(User).where(User.id == user_id, is_member.exists()).values(last_team_id=team_id)
    )
    db.session.commit()


def request_password_reset(email: str) -> None:
    """Have a reset link mailed to the address if it has an account."""
    mail_if_known("accounts.password_reset", email)


def mail_if_known(kind: str, email: str) -> None:
    """Have a mail of this kind sent to the address if it has an account.

    Does the same work either way, so that neither answer nor time reveal whether there is one.
    """
    user = find_user(User.email == email.strip().lower())
    outbox.add_mail(db.session(), kind, user.id if user else new_id("usr"))
    db.session.commit()
    outbox.nudge()


def find_user_of_reset(token: str) -> User | None:
    """Return the user whose password the token still resets; None when it is forged, too old or used."""
    content = tokens.read_reset_token(token)
    if content is None:
        return None
    user_id, state = content
    user = find_user(User.id == user_id)
    return user if user is not None and tokens.is_unused_for(user, state) else None


def reset_password(token: str, new: str) -> Authenticated:
    """Set a new password with a mailed token, end every session and return the user.

    Raises NotFound when the token is invalid (any more), Invalid for a weak password.
    """
    user = find_user_of_reset(token)
    if user is None:
        raise NotFound(
            "This link was used already, or it is older than an hour. Ask for a new one on the sign-in page."
        )
    _refuse_weak(new, user.email)
    version = _store_password(user, passwords.hash_secret(new), "user.password_reset")
    return Authenticated(user.id, version, user.totp_enabled_at is not None)


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
    record_new_team(team, user)
    signed_up = SignedUp(user.id, team.slug)
    db.session.commit()
    return signed_up


def find_user(condition: ColumnElement[bool]) -> User | None:
    """Return a user that is detached from any session: no transaction stays open while bcrypt runs."""
    with reading(), Session(db.engine, expire_on_commit=False) as short:
        return short.scalar(select(User).where(condition))


def confirm_password(user_id: str, password: str) -> User:
    """Return the user, who confirms an act with their password; belongs to no session. Raises Invalid."""
    user = find_user(User.id == user_id)
    if user is not None and not user.password_hash:
        raise Invalid.field(
            "current_password",
            "You have no password yet. Sign out and choose one through 'Forgot your password?'.",
        )
    if user is None or not passwords.matches(password, user.password_hash):
        raise Invalid.field("current_password", "This is not your password.")
    return user


def _store_password(
    user: User, password_hash: str, action: str, *, kept_session_id: str | None = None
) -> int:
    """Store the hash, end the sessions but one, and return the new version of the user's sessions."""
    version: int | None = db.session.scalar(
        update(User)
        # What was read before hashing must still hold: a token or an old password can be used once.
        .where(
            User.id == user.id,
            User.password_hash == user.password_hash,
            User.session_version == user.session_version,
        )
        # The new password may be meant to stop a pending change of address.
        .values(password_hash=password_hash, session_version=User.session_version + 1, new_email=None)
        .returning(User.session_version)
    )
    if version is None:
        db.session.rollback()
        raise Conflict("The password was changed elsewhere at the same moment. Sign in with that one.")
    end_in_transaction(user.id, but=kept_session_id)
    record_in_teams(user.id, action)
    db.session.commit()
    return version


def checked_email(text_: str) -> str:
    """Return the address as it is stored. Raises Invalid."""
    try:
        return rules.normal_email(text_)
    except ValueError as error:
        raise Invalid.field("email", str(error)) from None


def _refuse_weak(password: str, email: str, *, field: str = "password") -> None:
    wrong = rules.wrong_with_password(password, email=email)
    if wrong:
        raise Invalid.field(field, wrong)


def email_taken() -> Invalid:
    """Return the error for an address that another account has."""
    return Invalid.field(
        "email", "There is an account with this address. Sign in instead, or use another one."
    )
