"""What workers do for accounts: mail. Jobs take ids; tokens are made here, so that none stands in Redis."""

import structlog
from flask import current_app

from app.accounts import tokens
from app.accounts.models import Invitation, User
from app.accounts.queries import InvitationState, state_of
from app.db.session import reading
from app.extensions import current_settings, db
from app.lib import mail
from app.lib.mail import Mail

log = structlog.get_logger()


def send_password_reset(user_id: str) -> None:
    """Mail a link that resets the password. Does nothing when there is no such user: then nobody asked."""
    with reading():
        user = db.session.get(User, user_id)
        if user is None:
            return
        link = _absolute(f"/reset-password/{tokens.reset_token(user)}")
        to = user.email
        context: dict[str, object] = {"name": user.name, "link": link}
        db.session.rollback()  # Nothing stays open while a mail server takes its time.
    _send(to, "Reset your Signalbox password", "password_reset", context)


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
            "link": _absolute(f"/invitations/{tokens.invitation_token(invitation.id)}"),
        }
        db.session.rollback()
    _send(to, f"Join {team_name} on Signalbox", "invitation", context)


def _send(to: str, subject: str, template: str, context: dict[str, object]) -> None:
    settings = current_settings()
    # Not flask.render_template: what it adds to every template needs a request.
    templates = current_app.jinja_env
    text = templates.get_template(f"emails/{template}.txt").render(context)
    html = templates.get_template(f"emails/{template}.html").render(context, subject=subject)
    mail.send(Mail(to, subject, text, html), smtp_url=settings.smtp_url, sender=settings.mail_from)
    log.info("mail_sent", kind=template)


def _absolute(path: str) -> str:
    return current_settings().public_url + path
