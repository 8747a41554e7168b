"""The forms of integrations, for the test that sends every form twice."""

import weakref
from collections.abc import Callable

from sqlalchemy import update

from app.accounts.services.operators import set_operator
from app.extensions import db
from app.integrations.credentials import seal_tokens
from app.integrations.models import Connection, Integration, ProviderApp
from app.integrations.services.integrations import create_integration
from app.integrations.services.publishing import publish_integration
from app.integrations.services.settings import IntegrationSettings
from app.lib.ids import new_id
from app.oauth.tokens import TokenSet
from tests.web.forms.sent import FormScene, Sent, in_team
from tests.webhooks.dispatch.receivers import Receiver, always

_TOKEN = {"provider": "github", "auth_method": "token", "with_token_token": "github_pat_of_a_test"}
_APP = {"client_id": "Iv1.another", "client_secret": "secret-of-the-app"}
_ONE = "integrations/{integration_id}"


def _enable(scene: FormScene) -> Sent:
    scene.stored(update(Integration).values(is_enabled=False))
    return in_team(_ONE, f"{_ONE}/enable")(scene)


def _disconnect(scene: FormScene) -> Sent:
    """Return the form that ends a connection with a provider that has no address to revoke it at."""
    with scene.app.app_context():
        integration = Integration(
            team_id=scene.people.acme.id, provider="mailchimp", name="Letters", auth_method="oauth"
        )
        db.session.add(integration)
        db.session.flush()
        connection_id, path = new_id("con"), f"/t/acme/integrations/{integration.id}/disconnect"
        tokens = seal_tokens(connection_id, TokenSet("of-a-test", "Bearer").to_json())
        db.session.add(
            Connection(
                id=connection_id,
                team_id=integration.team_id,
                integration_id=integration.id,
                tokens_sealed=tokens,
            )
        )
        db.session.commit()
    return Sent(scene.owner, path, path)


def _of_operator(act: str) -> Callable[[FormScene], Sent]:
    def sent(scene: FormScene) -> Sent:
        with scene.app.app_context():
            set_operator(scene.people.alice.email, is_operator=True)
            db.session.add(ProviderApp(team_id=None, provider="github", client_id="Iv1.of-all"))
            db.session.commit()
            db.session.remove()
        path = f"/t/acme/integrations/installation-apps/github{act}"
        return Sent(scene.owner, path, path, {} if act else _APP)

    return sent


def _publish(scene: FormScene) -> Sent:
    path = f"/t/acme/integrations/{scene.ids['integration_id']}/publish"
    confirmed = scene.page.get(path, scene.owner).one("input", name="offer_version").get("value", "")
    return Sent(scene.owner, path, path, {"offer_version": confirmed})


def _withdraw(scene: FormScene) -> Sent:
    with scene.app.app_context():
        publish_integration(scene.people.acme.id, scene.ids["integration_id"], [])
    return in_team(_ONE, f"{_ONE}/withdraw")(scene)


def _message(scene: FormScene) -> Sent:
    """Return a message to a chat that lives as long as the scene."""
    chat = Receiver(always(200, body=b"ok")).__enter__()
    weakref.finalize(scene, chat.__exit__, None, None, None)
    settings = IntegrationSettings(name="Chat", auth_method="webhook", answers={"webhook_url": chat.url})
    with scene.app.app_context():
        integration_id = create_integration(scene.people.acme.id, "slack", settings)
    path = f"/t/acme/integrations/{integration_id}/message"
    return Sent(scene.owner, path, path, {"text": "Hello", "action": "post"})


REPEATABLE = {
    "integrations.connect": "leads to the provider with a new state; the one before is never used",
    "integrations.test": "tests again, and shows what it found",
    "integrations.refresh": "has new tokens once more",
    "integrations.preview_message": "shows how the text will look",
}
FORMS = {
    "integrations.create": in_team("integrations/new/github", name="Code", **_TOKEN),
    "integrations.update": in_team(f"{_ONE}/edit", name="Renamed", **_TOKEN),
    "integrations.enable": _enable,
    "integrations.disable": in_team(_ONE, f"{_ONE}/disable"),
    "integrations.delete": in_team(f"{_ONE}/delete"),
    "integrations.disconnect": _disconnect,
    "integrations.set_up_provider": in_team(
        "integrations/catalogue/{provider_slug}",
        "integrations/catalogue/{provider_slug}/set-up",
        auth_method="token",
    ),
    "integrations.set_up_from_published": in_team(
        "integrations/published/{published_id}", "integrations/published/{published_id}/set-up"
    ),
    "integrations.publish": _publish,
    "integrations.withdraw": _withdraw,
    "integrations.send_message": _message,
    "integrations.save_app": in_team("integrations/apps/{provider_slug}", **_APP),
    "integrations.delete_app": in_team("integrations/apps/{provider_slug}/remove"),
    "integrations.save_installation_app": _of_operator(""),
    "integrations.delete_installation_app": _of_operator("/remove"),
}
