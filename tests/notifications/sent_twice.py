"""The forms of notifications, for the test that sends every form twice."""

from sqlalchemy import update

from app.integrations.services.integrations import create_integration
from app.integrations.services.settings import IntegrationSettings
from app.notifications.models import Notification
from tests.web.forms.sent import FormScene, Sent, in_team

_LIST = "integrations/notifications/"
_ONE = f"{_LIST}{{notification_id}}"


def _create(scene: FormScene) -> Sent:
    settings = IntegrationSettings(
        name="Chat", auth_method="webhook", answers={"webhook_url": "https://hooks.example.com/1"}
    )
    with scene.app.app_context():
        integration_id = create_integration(scene.people.acme.id, "slack", settings)
    typed = {"integration_id": integration_id, "event_types": "signalbox.webhook.disabled"}
    return in_team(f"{_LIST}new", **typed)(scene)


def _enable(scene: FormScene) -> Sent:
    scene.stored(update(Notification).values(is_enabled=False))
    return in_team(_LIST, f"{_ONE}/enable")(scene)


REPEATABLE: dict[str, str] = {}
FORMS = {
    "notifications.create": _create,
    "notifications.enable": _enable,
    "notifications.disable": in_team(_LIST, f"{_ONE}/disable"),
    "notifications.delete": in_team(f"{_ONE}/delete"),
}
