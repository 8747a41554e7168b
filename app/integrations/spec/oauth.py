"""A provider's OAuth 2.0: its addresses, and where it differs from RFC 6749. Pure data, and small hooks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from app.integrations.spec.fields import Scope


class Refused(Exception):
    """What the provider sent does not fit, or is an error that it calls a success. The text says what, to a person."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        #: The provider's own error code, for what follows from it (RFC 6749 §5.2 has names for most).
        self.code = code


class Pkce(StrEnum):
    """What the provider makes of RFC 7636."""

    REQUIRED = "required"
    SUPPORTED = "supported"
    #: It does not say. A challenge is sent: servers ignore parameters that they do not know (RFC 6749 §3.1).
    UNDOCUMENTED = "undocumented"
    #: It refuses, or changes for good, what an app may do that sends a challenge.
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRequest:
    """A provider's own way to end a grant: one request.

    Templates may hold `token`, the token to revoke, and the app's `client_id` and `client_secret`. `read` raises Refused
    for an error that comes with a status of success.
    """

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Sent where it is not empty.
    body: Mapping[str, str] = field(default_factory=dict)
    encoding: Literal["json", "form"] = "json"
    revokes: Literal["access_token", "refresh_token"] = "access_token"
    #: How the request proves who sends it: by the access token, or by the app's id and secret.
    credentials: Literal["access_token", "client_basic", "none"] = "access_token"
    expected: tuple[int, ...] = (200, 204)
    read: Callable[[Any], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """A provider's OAuth 2.0: its addresses, and where it differs from RFC 6749.

    `read_answer` takes the JSON object of any answer of the token endpoint, before anybody else reads it, and returns one
    as RFC 6749 §5.1 has it; it raises Refused for errors, also for those that come with a success status, with the name
    that §5.2 has for them. `read_callback` takes the callback's query, the configuration and the app's secret; it checks
    what the provider signed and returns what is to be kept of it, under names of `callback_names`.
    """

    authorization_url: str
    token_url: str
    scopes: tuple[Scope, ...] = ()
    scope_separator: str = " "
    client_auth: Literal["client_secret_basic", "client_secret_post", "none"] = "client_secret_basic"
    #: Of services of the team's own: the fields that say these two instead.
    client_auth_field: str = ""
    scope_field: str = ""
    pkce: Pkce = Pkce.SUPPORTED
    #: As the provider spells it.
    challenge_method: str = "S256"
    #: Sent beside what RFC 6749 asks for: to the authorization endpoint, with a code, and with a refresh token. Values may
    #: hold names in braces; one whose names have no value is not sent.
    authorization_parameters: Mapping[str, str] = field(default_factory=dict)
    token_parameters: Mapping[str, str | int] = field(default_factory=dict)
    refresh_parameters: Mapping[str, str | int] = field(default_factory=dict)
    #: Where refreshes go, if elsewhere.
    refresh_url: str = ""
    #: The token endpoint wants JSON.
    sends_json: bool = False
    #: RFC 7009, or one request of its own. Both None: a grant can be ended at the provider by hand only.
    revocation_url: str = ""
    revocation: RevocationRequest | None = None
    #: Where a person ends it by hand.
    revocation_help: str = ""
    #: RFC 7662, for tokens of unknown life.
    introspection_url: str = ""
    #: How long an access token lives where the answer does not say. None: unknown, which is not for ever.
    lifetime_s: int | None = None
    #: False: there are no refresh tokens; an access token lives until it is revoked.
    has_refresh_tokens: bool = True
    #: Each refresh token works once.
    rotates: bool = False
    #: How long the token before still works after a rotation.
    grace_s: int = 0
    #: The grant dies if it is not refreshed for so long, or after so long whatever one does.
    idle_days: int | None = None
    hard_days: int | None = None
    issuer: str = ""
    read_answer: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    callback_names: tuple[str, ...] = ()
    read_callback: Callable[[Mapping[str, str], Mapping[str, str], str], Mapping[str, str]] | None = None
    #: Fields of the token answer that addresses need, such as `instance_url`.
    answer_names: tuple[str, ...] = ()
    #: One request after the code was exchanged, for what addresses need and the answer lacks: its JSON object's members.
    details_url: str = ""
    details_names: tuple[str, ...] = ()
    #: Instead of the access token's usual header; `access_token` stands for it.
    details_headers: Mapping[str, str] = field(default_factory=dict)
    read_details: Callable[[Any], Mapping[str, str]] | None = None
    #: Instead of `read_details`, where the configuration says which of several accounts is meant.
    choose_details: Callable[[Any, Mapping[str, str]], Mapping[str, str]] | None = None

    def details_of(self, answer: Any, configuration: Mapping[str, str]) -> dict[str, str]:  # noqa: ANN401 - foreign JSON
        """Return what the answer to `details_url` says, under names of `details_names`. Raises Refused."""
        if self.choose_details is not None:
            found = self.choose_details(answer, configuration)
        elif self.read_details is not None:
            found = self.read_details(answer)
        else:
            found = answer if isinstance(answer, Mapping) else {}
        told = {name: found.get(name) for name in self.details_names}
        if not all(isinstance(value, str) and value for value in told.values()):
            raise Refused(f"The provider did not say {' and '.join(self.details_names)}.")
        return {name: str(value) for name, value in told.items()}
