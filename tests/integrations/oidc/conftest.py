"""A running provider, and an integration that is connected through it."""

from collections.abc import Iterator

import pytest
from flask import Flask

from app.integrations.services.integrations import create_integration
from app.integrations.services.refreshing import refresh_version
from app.integrations.services.settings import IntegrationSettings
from tests.integrations.oauth.conftest import CALLBACK, Connecting
from tests.integrations.oidc.provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    NodeMissing,
    OidcProvider,
    path_of,
    provider_running,
)
from tests.people import People

ANSWERS = {
    "check_path": "/me",
    "scope": "openid offline_access",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
}


def answers_for(url: str) -> dict[str, str]:
    """Return the settings of an integration with the provider at this address."""
    return {
        **ANSWERS,
        "base_url": url,
        "authorization_url": f"{url}/auth",
        "token_url": f"{url}/token",
        "revocation_url": f"{url}/token/revocation",
        "issuer": url,
    }


class Connected(Connecting):
    """Team acme's integration with a service behind `oidc-provider`."""

    def __init__(self, app: Flask, people: People, provider: OidcProvider) -> None:
        self.app, self.people, self.provider = app, people, provider
        self.team_id = people.acme.id
        settings = IntegrationSettings(name="Desk", auth_method="oauth", answers=answers_for(provider.url))
        with app.app_context():
            self.integration_id = create_integration(self.team_id, "custom", settings)
        answer = people.bob.visitor.get(path_of(provider.consent(self.begin())))
        assert answer.status_code == 303, answer.get_data(as_text=True)

    def is_alive(self) -> bool:
        """Return whether the provider takes the stored access token, and refreshes with the stored refresh token."""
        if self.call().result.status_code != 200:
            return False
        row = self.connection()
        with self.app.app_context():
            refresh_version(row.id, row.token_version)
        return self.connection().token_version == row.token_version + 1


@pytest.fixture
def oidc(app: Flask) -> Iterator[OidcProvider]:
    """Yield a running provider."""
    try:
        with provider_running(f"{app.config['SETTINGS'].public_url}{CALLBACK}") as running:
            yield running
    except NodeMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def grant(app: Flask, people: People, oidc: OidcProvider) -> Connected:
    """Return an integration that is connected."""
    return Connected(app, people, oidc)
