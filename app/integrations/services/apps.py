"""The apps that integrations are connected through: registered with a provider by a team, or by the operator for all."""

from collections.abc import Mapping

import structlog
from sqlalchemy.exc import IntegrityError

from app.audit.trail import changed, record
from app.extensions import db
from app.integrations.apps import (
    CLIENT_ID_FIELD,
    CLIENT_SECRET_FIELD,
    AppCredentials,
    takes_installation_app,
    uses_apps,
)
from app.integrations.credentials import CredentialsUnreadable, open_client_secret, seal_client_secret
from app.integrations.models import ProviderApp
from app.integrations.providers import get_provider
from app.integrations.queries.apps import find_app
from app.integrations.services.settings import provider_named
from app.integrations.spec import Provider
from app.lib.errors import Conflict, FieldError, Invalid, NotFound
from app.lib.ids import new_id
from app.lib.redact import MASK

log = structlog.get_logger()

CLIENT_ID_MAX_CHARS = 500
CLIENT_SECRET_MAX_CHARS = 2_000


def app_for(team_id: str, provider_slug: str, answers: Mapping[str, str]) -> AppCredentials:
    """Return the app that an integration with these answers (configuration and opened secrets) connects through.

    One that it names itself, else the team's, else the installation's: the latter only where the secret goes to the
    provider and to no server that the team has named. Raises NotFound for an unknown provider, Conflict where there is
    no app, or none that can be read, saying what to do.
    """
    provider = get_provider(provider_slug)
    if answers.get(CLIENT_ID_FIELD):
        return AppCredentials(answers[CLIENT_ID_FIELD], answers.get(CLIENT_SECRET_FIELD, ""))
    app = find_app(team_id, provider.slug)
    if app is None and takes_installation_app(provider, answers):
        app = find_app(None, provider.slug)
    if app is None:
        raise Conflict(
            f"There is no app to connect {provider.name} through. Register one with {provider.name}, and add its"
            " client id and secret."
        )
    try:
        return AppCredentials(app.client_id, open_client_secret(app))
    except CredentialsUnreadable as error:
        raise Conflict(f"The secret of the app for {provider.name} cannot be used. {error}") from error


def set_app(team_id: str | None, provider_slug: str, client_id: str, client_secret: str) -> bool:
    """Store the app of a team, or of the installation (None), for a provider; returns whether it is new.

    A secret that is masked or empty keeps the stored one, as long as the client id stays; an app without a stored one
    then is a public client. Raises Invalid and Conflict.
    """
    provider = _provider_with_apps(provider_slug)
    client_id, client_secret = client_id.strip(), client_secret.strip()
    session = db.session()
    app = find_app(team_id, provider.slug)
    keeps = client_secret in {"", MASK}
    _check(client_id, client_secret, app if keeps else None)
    before = {"client_id": app.client_id, "client_secret": MASK} if app else {}
    is_new = app is None
    if app is None:
        app = ProviderApp(id=new_id("app"), team_id=team_id, provider=provider.slug)
        session.add(app)
    app.client_id = client_id
    if not keeps:
        app.client_secret_sealed = seal_client_secret(app.id, client_secret)
    shown = {"client_id": client_id, "client_secret": MASK if keeps or is_new else f"{MASK} (new)"}
    action = "provider_app.added" if is_new else "provider_app.changed"
    try:
        _record(action, app, provider, changed(before, shown))
        session.commit()
    except IntegrityError:
        session.rollback()
        raise Conflict("Somebody added an app for it at the same moment. Look at it, then decide.") from None
    return is_new


def remove_app(team_id: str | None, provider_slug: str) -> None:
    """Delete the app of a team, or of the installation (None), for a provider. Raises NotFound.

    What was connected through it works until its access token ends: it cannot be refreshed any more.
    """
    provider = get_provider(provider_slug)
    app = find_app(team_id, provider.slug)
    if app is None:
        raise NotFound(f"There is no app for {provider.name} (any more).")
    _record("provider_app.removed", app, provider, {})
    db.session.delete(app)
    db.session.commit()


def _provider_with_apps(slug: str) -> Provider:
    provider = provider_named(slug)
    if provider.oauth is None:
        raise Invalid.field("provider", f"{provider.name} is not connected by OAuth: it needs no app.")
    if not uses_apps(provider):
        raise Invalid.field(
            "provider", f"Each integration with {provider.name} has its own client id and secret."
        )
    return provider


def _check(client_id: str, client_secret: str, kept: ProviderApp | None) -> None:
    errors = []
    if not 1 <= len(client_id) <= CLIENT_ID_MAX_CHARS or not client_id.isprintable():
        errors.append(FieldError("client_id", "Copy the client id from the provider's page of your app."))
    if len(client_secret) > CLIENT_SECRET_MAX_CHARS or not client_secret.isprintable():
        errors.append(
            FieldError("client_secret", "Copy the client secret from the provider's page of your app.")
        )
    if kept is not None and kept.client_id != client_id and kept.client_secret_sealed:
        errors.append(FieldError("client_secret", "This is another app: write its secret, too."))
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)


def _record(
    action: str, app: ProviderApp, provider: Provider, changes: Mapping[str, tuple[object, object]]
) -> None:
    """Note what happened to an app: a team's in its audit trail, the installation's, which is no team's, in the log."""
    if app.team_id is None:
        log.info(action.replace(".", "_"), provider=provider.slug, client_id=app.client_id)
        return
    record(
        db.session(),
        action,
        team_id=app.team_id,
        object_type="provider_app",
        object_id=app.id,
        object_name=provider.name,
        changes=changes,
    )
