"""The interface of the OAuth client, without the library behind it.

Authlib and what it brings are a tenth of a process's memory: `app.oauth.client` is imported at its first use.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


class OAuthError(Exception):
    """Something went wrong between us and a provider. `code`: its error code (RFC 6749 §5.2), or empty."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class ProviderUnavailable(OAuthError):
    """The provider does not answer, is temporarily unable, or its answer cannot be read: try again later."""


class GrantRefused(OAuthError):
    """The code or the refresh token is not valid (any more): the user has to give their consent again.

    Of two refreshes at once the slower one may get this although the grant lives: first look whether the stored
    token has changed meanwhile.
    """


class ClientRefused(OAuthError):
    """The provider does not accept our registration: wrong id or secret. Only the operator can fix it."""


class RequestRefused(OAuthError):
    """The provider refuses for another reason, or its answer is no token: the same request will fail again."""


class WrongIssuer(OAuthError):
    """The browser was sent back by another provider than the one it was sent to (RFC 9207)."""


#: What each error code of RFC 6749 §5.2 means for us; any other is a RequestRefused.
_KINDS: dict[str, type[OAuthError]] = {
    "invalid_grant": GrantRefused,
    "invalid_client": ClientRefused,
    "unauthorized_client": ClientRefused,
    "temporarily_unavailable": ProviderUnavailable,
    "server_error": ProviderUnavailable,
    "slow_down": ProviderUnavailable,
}


def error_of(code: str, message: str) -> OAuthError:
    """Return the error that a provider's error code stands for."""
    return _KINDS.get(code, RequestRefused)(message, code)


@dataclass(frozen=True, slots=True)
class Registration:
    """Our registration at a provider, its endpoints, and where it differs from RFC 6749.

    `scope` as the provider separates its scopes.
    """

    client_id: str
    authorization_url: str
    token_url: str
    client_secret: str = field(default="", repr=False)
    #: None where tokens cannot be revoked.
    revocation_url: str | None = None
    scope: str = ""
    #: How we prove at the token and revocation endpoints who we are; `none`: a public client.
    client_auth: Literal["client_secret_basic", "client_secret_post", "none"] = "client_secret_basic"
    #: Off only for providers that refuse it.
    uses_pkce: bool = True
    #: As the provider spells it; it is SHA-256 in any case.
    challenge_method: str = "S256"
    #: Where refresh tokens are exchanged, if elsewhere than codes.
    refresh_url: str = ""
    #: Sent beside what RFC 6749 asks for, with a code and with a refresh token.
    token_parameters: Mapping[str, str | int] = field(default_factory=dict)
    refresh_parameters: Mapping[str, str | int] = field(default_factory=dict)
    #: The token endpoint wants JSON.
    sends_json: bool = False
    #: How long an access token lives where the answer does not say; None: unknown.
    lifetime_s: int | None = None
    #: Takes the JSON object of any answer of the token endpoint and returns one as RFC 6749 §5.1 has it. Raises OAuthError.
    read_answer: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Authorization:
    """Where to send the browser, and what has to be stored until it comes back."""

    url: str
    state: str = field(repr=False)
    #: Empty without PKCE.
    verifier: str = field(repr=False)
    #: Of OpenID Connect; empty elsewhere.
    nonce: str = field(default="", repr=False)


def check_issuer(presented: str | None, expected: str, *, is_promised: bool) -> None:
    """Check who sent the browser back (RFC 9207 §2.4). Raises WrongIssuer.

    `is_promised`: the provider's metadata promises that it always sends `iss`.
    """
    if presented is None and not is_promised:
        return
    if presented != expected:
        raise WrongIssuer("the answer came from another issuer")
