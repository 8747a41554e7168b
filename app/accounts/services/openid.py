"""What a user may do here with an identity of the company's OpenID provider.

An account is linked to an identity by its owner only, signed in and with the password. The address of an account was
never verified, so the same verified address at a provider gives no access to it.
"""

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from app.accounts import rules
from app.accounts.models import OpenIdAccount, User
from app.accounts.openid.contract import Identity
from app.accounts.services.invitations import join_as_new
from app.accounts.services.users import SignedUp, confirm_password
from app.accounts.trail import record_in_teams
from app.extensions import current_settings, db
from app.lib.errors import AuthorizationFailed, Conflict, NotFound

_LINK_FIRST = (
    "There is an account with the address {email} already. Sign in to it with its password, then link it on the page"
    " 'Account'."
)


def find_user_of(identity: Identity) -> str | None:
    """Return the id of the user who signs in with this identity."""
    return db.session.scalar(
        select(OpenIdAccount.user_id).where(
            OpenIdAccount.issuer == identity.issuer, OpenIdAccount.subject == identity.subject
        )
    )


def refuse_unless_allowed(identity: Identity) -> None:
    """Raise AuthorizationFailed for an address outside the domains that the operator allows."""
    domains = current_settings().openid_allowed_domains
    if not domains:
        return
    email = (identity.email or "").lower()
    if email.rpartition("@")[2] not in domains:
        raise AuthorizationFailed(
            f"Only accounts with a verified address at {' or '.join(domains)} can be used here. Choose that one at"
            " the provider, or sign in with your password."
        )


def check_may_link(user_id: str, password: str) -> None:
    """Let the user go on to the provider and link what they sign in with there. Raises Invalid."""
    confirm_password(user_id, password)


def link(user_id: str, identity: Identity) -> None:
    """Let the user sign in with this identity from now on. Raises Conflict when it signs in somebody else."""
    linked_to = find_user_of(identity)
    if linked_to is None:
        db.session.add(_account(user_id, identity))
        try:
            db.session.flush()
        except IntegrityError:  # Linked since the line above.
            db.session.rollback()
            raise _taken() from None
        record_in_teams(user_id, "user.openid_linked", detail=identity.email)
        db.session.commit()
    elif linked_to != user_id:
        db.session.rollback()
        raise _taken()


def unlink(user_id: str, account_id: str, *, password: str) -> None:
    """Let the user no longer sign in with it. Raises Invalid, so that nobody without a password locks themselves out.

    Raises NotFound when it is not linked (any more).
    """
    confirm_password(user_id, password)
    removed = db.session.execute(
        delete(OpenIdAccount)
        .where(OpenIdAccount.user_id == user_id, OpenIdAccount.id == account_id)
        .returning(OpenIdAccount.email)
    ).one_or_none()
    if removed is None:
        db.session.rollback()
        raise NotFound("This company account is not linked any more.")
    record_in_teams(user_id, "user.openid_unlinked", detail=removed.email)
    db.session.commit()


def sign_up(identity: Identity) -> str:
    """Create a user without a password and return their id. Raises AuthorizationFailed, Conflict."""
    if not current_settings().openid_sign_up:
        email = f" with the address {identity.email}" if identity.email else ""
        if identity.email and _exists(_normal(identity.email)):
            raise Conflict(_LINK_FIRST.format(email=identity.email))
        raise AuthorizationFailed(
            f"Nobody signs in here{email} yet. Have an account already? Sign in with its password and link it on the"
            " page 'Account'. Otherwise ask an admin of your team for an invitation."
        )
    user = _new_user(identity)
    db.session.add(user)
    try:
        db.session.flush()
        db.session.add(_account(user.id, identity))
        user_id = user.id
        db.session.commit()
    except IntegrityError:  # Signed up since the check, in another tab for example.
        db.session.rollback()
        raise Conflict("This account was created just now. Sign in again.") from None
    return user_id


def join(identity: Identity, invitation_token: str) -> SignedUp:
    """Create a user without a password who joins the team of the invitation.

    Raises AuthorizationFailed, Conflict, Invalid, NotFound.
    """
    try:
        return join_as_new(invitation_token, _new_user(identity), _account("", identity))
    except IntegrityError:  # Used in another tab since it was looked for.
        db.session.rollback()
        raise Conflict("This account was created just now. Sign in again.") from None


def _new_user(identity: Identity) -> User:
    if identity.email is None:
        raise AuthorizationFailed(
            "The provider does not say that your address is verified, so no account can be made from it. Have it"
            " verified there, or sign up with a password."
        )
    email = _normal(identity.email)
    if _exists(email):
        raise Conflict(_LINK_FIRST.format(email=email))
    name = rules.one_line(identity.name)[: rules.USER_NAME_CHARS_MAX] or email.partition("@")[0]
    return User(email=email, name=name, password_hash="")


def _account(user_id: str, identity: Identity) -> OpenIdAccount:
    return OpenIdAccount(
        user_id=user_id,
        issuer=identity.issuer,
        subject=identity.subject,
        email=identity.email[: rules.EMAIL_CHARS_MAX] if identity.email else None,
    )


def _normal(email: str) -> str:
    try:
        return rules.normal_email(email)
    except ValueError as error:
        raise AuthorizationFailed(f"The provider calls you {email}. {error}") from None


def _exists(email: str) -> bool:
    return db.session.scalar(select(User.id).where(User.email == email)) is not None


def _taken() -> Conflict:
    return Conflict("This company account signs in somebody else here already. Unlink it there first.")
