"""What workers do for accounts: mail, and tidying. Jobs take ids; tokens are made here, so that none stands in Redis."""

from app.accounts import tokens
from app.accounts.models import Invitation, User
from app.accounts.queries import InvitationState, state_of
from app.accounts.services import sessions, users
from app.db.session import reading
from app.extensions import db
from app.web.mails import absolute_url, send_mail


def send_password_reset(user_id: str) -> None:
    """Mail a link that resets the password. Does nothing when there is no such user: then nobody asked."""
    with reading():
        user = db.session.get(User, user_id)
        if user is None:
            return
        link = absolute_url(f"/reset-password/{tokens.reset_token(user)}")
        to = user.email
        context: dict[str, object] = {"name": user.name, "link": link}
        db.session.rollback()  # Nothing stays open while a mail server takes its time.
    send_mail(to, "Reset your Signalbox password", "password_reset", context)


def send_sign_in_link(user_id: str) -> None:
    """Mail a link that signs in. Does nothing when there is no such user: then nobody asked."""
    with reading():
        user = db.session.get(User, user_id)
        if user is None:
            return
        to = user.email
        context: dict[str, object] = {
            "name": user.name,
            "link": absolute_url(f"/sign-in/link/{tokens.sign_in_token(user)}"),
        }
        db.session.rollback()
    send_mail(to, "Sign in to Signalbox", "sign_in_link", context)


def send_email_confirmation(user_id: str) -> None:
    """Mail the link that changes the user's address to the new one. Nothing when the change was cancelled."""
    with reading():
        user = db.session.get(User, user_id)
        if user is None or user.new_email is None:
            return
        to = user.new_email
        context: dict[str, object] = {
            "name": user.name,
            "old": user.email,
            "link": absolute_url(f"/account/email/{tokens.email_token(user)}"),
        }
        db.session.rollback()
    send_mail(to, "Confirm your new address for Signalbox", "email_confirmation", context)


def send_email_notice(user_id: str) -> None:
    """Tell the user at the old address that it is about to be changed."""
    with reading():
        user = db.session.get(User, user_id)
        if user is None or user.new_email is None:
            return
        to = user.email
        context: dict[str, object] = {
            "name": user.name,
            "new": user.new_email,
            "link": absolute_url("/account"),
        }
        db.session.rollback()
    send_mail(to, "Your Signalbox address is about to change", "email_notice", context)


def note_failed_sign_in(user_id: str, address: str | None) -> None:
    """Record a wrong password. Does nothing for nobody: the job is the same for an address without an account."""
    if user_id:
        users.note_failed_sign_in(user_id, address)


def trim_sessions() -> None:
    """Delete the sessions that nobody can use any more."""
    sessions.trim()


def send_invitation(invitation_id: str) -> None:
    """Mail an invitation's link to the address it is for. Does nothing when it is no longer open."""
    with reading():
        invitation = db.session.get(Invitation, invitation_id)
        if invitation is None or invitation.email is None or state_of(invitation) is not InvitationState.OPEN:
            return
        to, team_name = invitation.email, invitation.team.name
        context: dict[str, object] = {
            "team_name": team_name,
            "role": invitation.role,
            "invited_by": invitation.invited_by.name if invitation.invited_by else None,
            "expires_at": invitation.expires_at,
            "link": absolute_url(f"/invitations/{tokens.invitation_token(invitation.id)}"),
        }
        db.session.rollback()
    send_mail(to, f"Join {team_name} on Signalbox", "invitation", context)
