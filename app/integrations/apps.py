"""Which app an integration connects through: one that it names itself, its team's, or the installation's. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from app.integrations.addresses import names_in
from app.integrations.spec import Field, Provider

#: Fields of providers that are any server: each of their integrations has an app of its own.
CLIENT_ID_FIELD, CLIENT_SECRET_FIELD = "client_id", "client_secret"


class AppCredentials(NamedTuple):
    """What an app proves itself with; the secret is empty for a public client."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"AppCredentials(client_id={self.client_id!r})"


@dataclass(frozen=True, slots=True)
class KnownApps:
    """Slugs of the providers that there is an app for: the team's own, and the installation's."""

    own: frozenset[str] = frozenset()
    installation: frozenset[str] = frozenset()

    def has_app(self, provider: Provider, answers: Mapping[str, str]) -> bool:
        """Return whether an integration with these answers has an app to connect through."""
        if answers.get(CLIENT_ID_FIELD) or provider.slug in self.own:
            return True
        return provider.slug in self.installation and takes_installation_app(provider, answers)


def uses_apps(provider: Provider) -> bool:
    """Return whether apps are stored for a provider: it has OAuth, and its integrations do not name their own."""
    return provider.oauth is not None and CLIENT_ID_FIELD not in {asked.name for asked in provider.all_fields}


def takes_installation_app(provider: Provider, answers: Mapping[str, str]) -> bool:
    """Return whether the installation's app may be used: its secret goes to no server that a team has named."""
    oauth = provider.oauth
    if oauth is None:
        return False
    revocation = oauth.revocation.url if oauth.revocation else ""
    addresses = (
        oauth.token_url,
        oauth.refresh_url,
        oauth.revocation_url,
        oauth.introspection_url,
        revocation,
    )
    return all(_is_the_providers(address, provider, answers) for address in addresses if address)


def _is_the_providers(address: str, provider: Provider, answers: Mapping[str, str]) -> bool:
    """Return whether the address leads to the provider, whatever a team answers."""
    fields = {asked.name: asked for asked in provider.all_fields}
    # An address that is one name altogether has no host to read.
    host = urlsplit(address).netloc or address
    # What is no field the provider has said itself.
    named = [fields[name] for name in names_in(host) if name in fields]
    return all(_is_harmless(asked, host, answers) for asked in named)


def _is_harmless(asked: Field, host: str, answers: Mapping[str, str]) -> bool:
    if asked.kind == "choice":
        return True
    if asked.form == "label" and not host.endswith("}"):
        return True  # One part of a name within the provider's domain.
    return bool(asked.default) and answers.get(asked.name, asked.default) == asked.default
