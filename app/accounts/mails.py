"""The mails of accounts. Tokens are made here, when the mail is sent: none is stored in the database or in Redis."""

from collections.abc import Callable

from app.accounts import tokens
from app.accounts.models import Invitation, User
from app.accounts.queries import InvitationState, state_of
from app.db.session import reading
from app.extensions import db
from app.web.mails import ComposedMail, MailKind, absolute_url

_HOUR_S = 3600
_DAY_S = 86_400


def _about_user(user_id: str, compose: Callable[[User], ComposedMail | None]) -> ComposedMail | None:
    """Compose in a short transaction; None when there is no such user."""
    with reading():
        user = db.session.get(User, user_id)
        composed = compose(user) if user is not None else None
        db.session.rollback()
    return composed


def password_reset(user_id: str) -> ComposedMail | None:
    """Return the mail with a link that resets the password."""
    return _about_user(
        user_id,
        lambda user: ComposedMail(
            to=user.email,
            subject="Reset your Signalbox password",
            template="password_reset",
            context={
                "name": user.name,
                "link": absolute_url(f"/reset-password/{tokens.reset_token(user)}"),
            },
        ),
    )


def sign_in_link(user_id: str) -> ComposedMail | None:
    """Return the mail with a link that signs in."""
    return _about_user(
        user_id,
        lambda user: ComposedMail(
            to=user.email,
            subject="Sign in to Signalbox",
            template="sign_in_link",
            context={
                "name": user.name,
                "link": absolute_url(f"/sign-in/link/{tokens.sign_in_token(user)}"),
            },
        ),
    )


def email_confirmation(user_id: str) -> ComposedMail | None:
    """Return the mail with the link that changes the user's address to the new one; None when that was cancelled."""

    def compose(user: User) -> ComposedMail | None:
        if user.new_email is None:
            return None
        return ComposedMail(
            to=user.new_email,
            subject="Confirm your new address for Signalbox",
            template="email_confirmation",
            context={
                "name": user.name,
                "old": user.email,
                "link": absolute_url(f"/account/email/{tokens.email_token(user)}"),
            },
        )

    return _about_user(user_id, compose)


def email_notice(user_id: str) -> ComposedMail | None:
    """Return the notice to the old address that it is about to be changed; None when that was cancelled."""

    def compose(user: User) -> ComposedMail | None:
        if user.new_email is None:
            return None
        return ComposedMail(
            to=user.email,
            subject="Your Signalbox address is about to change",
            template="email_notice",
            context={"name": user.name, "new": user.new_email, "link": absolute_url("/account")},
        )

    return _about_user(user_id, compose)


def invitation(invitation_id: str) -> ComposedMail | None:
    """Return the mail with an invitation's link; None when it is no longer open."""
    with reading():
        found = db.session.get(Invitation, invitation_id)
        if found is None or found.email is None or state_of(found) is not InvitationState.OPEN:
            db.session.rollback()
            return None
        composed = ComposedMail(
            to=found.email,
            subject=f"Join {found.team.name} on Signalbox",
            template="invitation",
            context={
                "team_name": found.team.name,
                "role": found.role,
                "invited_by": found.invited_by.name if found.invited_by else None,
                "expires_at": found.expires_at,
                "link": absolute_url(f"/invitations/{tokens.invitation_token(found.id)}"),
            },
        )
        db.session.rollback()
    return composed


KINDS = (
    MailKind(name="accounts.password_reset", compose=password_reset, lifetime_s=_HOUR_S),
    MailKind(name="accounts.sign_in_link", compose=sign_in_link, lifetime_s=_HOUR_S),
    MailKind(name="accounts.email_confirmation", compose=email_confirmation, lifetime_s=_DAY_S),
    MailKind(name="accounts.email_notice", compose=email_notice, lifetime_s=_DAY_S),
    MailKind(name="accounts.invitation", compose=invitation, lifetime_s=3 * _DAY_S),
)
