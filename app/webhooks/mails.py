"""The mails of webhooks."""

from app.accounts.models import Team, User
from app.accounts.queries import ids_of_admins
from app.db.session import reading
from app.extensions import db
from app.web.mails import ComposedMail, MailKind, absolute_url
from app.webhooks.models import Webhook

DISABLED_NOTICE = "webhooks.disabled_notice"


def disabled_notice(webhook_id: str, user_id: str) -> ComposedMail | None:
    """Return the mail about a disabled webhook; None when it is active again, or the user is no admin any more."""
    with reading():
        composed = _disabled_notice(webhook_id, user_id)
        db.session.rollback()
    return composed


def _disabled_notice(webhook_id: str, user_id: str) -> ComposedMail | None:
    webhook = db.session.get(Webhook, webhook_id)
    user = db.session.get(User, user_id)
    if webhook is None or webhook.status != "disabled" or webhook.deleted_at is not None or user is None:
        return None
    if user_id not in ids_of_admins(db.session(), webhook.team_id):
        return None
    team = db.session.get_one(Team, webhook.team_id)
    return ComposedMail(
        to=user.email,
        subject=f"Webhook disabled: {webhook.name}",
        template="webhook_disabled",
        context={
            "name": webhook.name,
            "url": webhook.url,
            "reason": webhook.status_reason or "",
            "team_name": team.name,
            "link": absolute_url(f"/t/{team.slug}/webhooks/{webhook.id}"),
        },
    )


KINDS = (MailKind(name=DISABLED_NOTICE, compose=disabled_notice, lifetime_s=86_400),)
