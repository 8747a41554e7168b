"""The interface of sign-in with the company's OpenID provider, without the library behind it.

Authlib and what it brings are a tenth of a process's memory: they are loaded at the first such sign-in.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.extensions import AppSlot, current_settings, outbound_client
from app.lib.errors import NotFound

if TYPE_CHECKING:
    from app.accounts.openid.client import OpenIdClient


class NotProven(Exception):
    """The provider's answer does not prove who signed in."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in at the provider. `email` only when the provider says that it is verified."""

    issuer: str
    subject: str
    email: str | None
    name: str


def openid_name() -> str | None:
    """Return the name of the company's provider on buttons; None where none is configured."""
    settings = current_settings()
    return settings.openid_name if settings.openid_issuer else None


def openid_client() -> "OpenIdClient":
    """Return the current app's client. Raises NotFound where no provider is configured."""
    if not current_settings().openid_issuer:
        raise NotFound("Sign-in with a company account is not set up here. Sign in with your password.")
    return OPENID_CLIENT.get()


def _new_client() -> "OpenIdClient":
    from app.accounts.openid.client import OpenIdClient

    return OpenIdClient(current_settings(), outbound_client())


OPENID_CLIENT = AppSlot("openid", _new_client)
