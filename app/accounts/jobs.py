"""What workers do for accounts: mail. Jobs take ids; tokens are made here, so that none stands in Redis."""

from app.accounts import tokens
from app.accounts.models import Invitation, User
from app.accounts.queries import InvitationState, state_of
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
