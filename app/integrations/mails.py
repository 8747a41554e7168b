"""The mails of integrations."""

from app.accounts.models import Team, User
from app.accounts.queries import ids_of_admins
from app.db.session import reading
from app.extensions import db
from app.integrations.models import Integration
from app.integrations.providers import get_provider
from app.integrations.rules import CONNECTED
from app.web.mails import ComposedMail, MailKind, absolute_url

RECONNECT_NOTICE = "integrations.reconnect_notice"


def reconnect_notice(integration_id: str, user_id: str) -> ComposedMail | None:
    """Return the mail about a connection that ended; None when it works again, or the user is no admin any more."""
    with reading():
        composed = _reconnect_notice(integration_id, user_id)
        db.session.rollback()
    return composed


def _reconnect_notice(integration_id: str, user_id: str) -> ComposedMail | None:
    integration = db.session.get(Integration, integration_id)
    user = db.session.get(User, user_id)
    connection = integration.connection if integration else None
    if integration is None or connection is None or connection.state == CONNECTED or user is None:
        return None
    if user_id not in ids_of_admins(db.session(), integration.team_id):
        return None
    team = db.session.get_one(Team, integration.team_id)
    return ComposedMail(
        to=user.email,
        subject=f"Connection ended: {integration.name}",
        template="connection_ended",
        context={
            "name": integration.name,
            "provider": get_provider(integration.provider).name,
            "reason": connection.reason or "",
            "team_name": team.name,
            "link": absolute_url(f"/t/{team.slug}/integrations/{integration.id}#connection"),
        },
    )


KINDS = (MailKind(name=RECONNECT_NOTICE, compose=reconnect_notice, lifetime_s=86_400),)
