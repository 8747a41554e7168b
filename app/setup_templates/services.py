"""Sets up all that a template describes, in one transaction."""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from app.calls.rest.services.endpoints import add_endpoint
from app.events import queries as event_queries
from app.events.services import add_type
from app.extensions import db
from app.integrations.services.integrations import add_integration
from app.integrations.services.setting_up import free_name
from app.integrations.services.settings import IntegrationSettings
from app.lib.errors import Conflict, NotFound
from app.notifications.services.notifications import add_notification
from app.setup_templates.catalogue import TEMPLATES, Template
from app.webhooks.services.settings import WebhookSettings
from app.webhooks.services.webhooks import CreatedWebhook, add_webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was set up. The webhook comes with its secret, which nothing returns again."""

    types: tuple[str, ...]
    integration_id: str | None
    endpoint_id: str | None
    webhook: CreatedWebhook | None
    notification_id: str | None


def get_template(slug: str) -> Template:
    """Return a template. Raises NotFound."""
    template = TEMPLATES.get(slug)
    if template is None:
        raise NotFound("There is no such template.")
    return template


def missing_types(team_id: str, template: Template) -> tuple[str, ...]:
    """Return the names of the template's types that the team does not have yet."""
    known = {one.name for one in event_queries.known_types(team_id)}
    return tuple(one.name for one in template.types if one.name not in known)


def set_up_template(team_id: str, slug: str, url: str = "", *, created_by_id: str | None = None) -> Made:
    """Make all that the template describes, or nothing. `url`: the address of its webhook, where it has one.

    The integration is a draft: its status says what is missing. Raises NotFound, Conflict where the team has too many
    of something, and Invalid for the address, beside `url`.
    """
    template = get_template(slug)
    session = db.session()
    missing = missing_types(team_id, template)
    integration_id = endpoint_id = notification_id = created = None
    try:
        for one in template.types:
            if one.name in missing:
                add_type(
                    session, team_id, name=one.name, description=one.description, example=dict(one.example)
                )
        if template.integration is not None:
            plan = template.integration
            settings = IntegrationSettings(
                name=free_name(session, team_id, plan.name), auth_method=plan.auth_method
            )
            integration = add_integration(
                session, team_id, plan.provider, settings, is_draft=True, created_by_id=created_by_id
            )
            integration_id = integration.id
            if template.endpoint is not None:
                endpoint_id = add_endpoint(
                    session, team_id, integration_id, template.endpoint, created_by_id=created_by_id
                ).id
            if template.notification:
                notification = add_notification(
                    session, team_id, integration_id, template.notification, created_by_id=created_by_id
                )
                notification_id = notification.id
        if template.webhook is not None:
            webhook_settings = WebhookSettings(
                name=template.webhook.name, url=url, event_types=template.webhook.event_types
            )
            created = add_webhook(session, team_id, webhook_settings, created_by_id=created_by_id)
        session.commit()
    except IntegrityError:
        session.rollback()
        raise Conflict("Somebody added one of its event types at the same moment. Try again.") from None
    except BaseException:
        session.rollback()
        raise
    return Made(
        types=missing,
        integration_id=integration_id,
        endpoint_id=endpoint_id,
        webhook=created,
        notification_id=notification_id,
    )
