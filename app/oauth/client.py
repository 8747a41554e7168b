"""Talks to OAuth providers, through Authlib and the one door out.

What Authlib leaves open is closed here: an answer with an error status but without `error` is a token to it, and it
leaves the encoding out of HTTP Basic.
"""

import base64
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.lib import clock
from app.lib.outbound import Client
from app.lib.outbound.requests_adapter import OutboundAdapter, RequestException, Response
from app.oauth.contract import (
    Authorization,
    GrantRefused,
    OAuthError,
    ProviderUnavailable,
    Registration,
    RequestRefused,
    error_of,
)
from app.oauth.tokens import TokenSet

# At DEBUG Authlib logs PKCE verifiers.
logging.getLogger("authlib").setLevel(logging.INFO)

TIMEOUT_S = 8.0
ANSWER_MAX_BYTES = 262_144
#: Request timeout, too early, too many requests: the same request may succeed later.
_TRANSIENT_STATUSES = frozenset({408, 425, 429})
_DESCRIPTION_CHARS_MAX = 200
ReadAnswer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class ProviderSession(OAuth2Session):  # type: ignore[misc]
    """Authlib's session, which connects through our client only and reads token answers more strictly.

    `read_answer` and `sends_json` as in `Registration`.
    """

    read_answer: ReadAnswer | None = None
    sends_json = False

    def parse_response_token(self, answer: Response) -> dict[str, Any]:
        """Return the JSON object of a token endpoint's answer. Raises OAuthError."""
        return checked_answer(answer, self.read_answer)

    def post(self, url: str, data: object = None, **options: Any) -> Response:
        """Send a form, or its fields as JSON to a provider that wants that."""
        if self.sends_json:
            # Authlib's own headers name a form.
            headers = {**(options.pop("headers", None) or {}), "Content-Type": "application/json"}
            options |= {"json": data, "headers": headers}
        else:
            options["data"] = data
        answer: Response = super().post(url, **options)
        return answer


def open_session(
    outbound: Client, *, key: str, timeout_s: float = TIMEOUT_S, sends_once: bool = False, **options: Any
) -> ProviderSession:
    """Return a session whose connections are those of `key`. `options` are Authlib's."""
    session = ProviderSession(trust_env=False, **options)
    adapter = OutboundAdapter(
        outbound, key=key, timeout_s=timeout_s, max_body_bytes=ANSWER_MAX_BYTES, sends_once=sends_once
    )
    session.adapters.clear()
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    session.register_client_auth_method(("client_secret_basic", _encode_basic))
    return session


class OAuthClient:
    """The client of one registration. Threads share it.

    `key` is whose connections are used: the team's, or that of the account at the provider. `sends_once`: none is kept.
    On a kept one that had died a refresh token could be sent twice, and those that work once end the grant then.
    """

    def __init__(
        self,
        registration: Registration,
        outbound: Client,
        *,
        key: str,
        timeout_s: float = TIMEOUT_S,
        sends_once: bool = False,
    ) -> None:
        self._registration = registration
        self._outbound = outbound
        self._key = key
        self._timeout_s = timeout_s
        self._sends_once = sends_once

    def begin(
        self, redirect_uri: str, *, nonce: str = "", parameters: Mapping[str, str] | None = None
    ) -> Authorization:
        """Return a new authorization; nothing is sent. `parameters` are the provider's own, such as `prompt`."""
        registration = self._registration
        state = secrets.token_urlsafe(24)
        verifier = secrets.token_urlsafe(48) if registration.uses_pkce else ""
        more = dict(parameters or {}) | ({"nonce": nonce} if nonce else {})
        if verifier:
            more["code_challenge"] = create_s256_code_challenge(verifier)
            more["code_challenge_method"] = registration.challenge_method
        with self._session(redirect_uri=redirect_uri, scope=registration.scope or None) as session:
            url, _ = session.create_authorization_url(registration.authorization_url, state=state, **more)
        return Authorization(url, state, verifier, nonce)

    def exchange(self, *, code: str, redirect_uri: str, verifier: str) -> TokenSet:
        """Return the tokens for an authorization code. Raises OAuthError of each kind."""
        registration = self._registration
        proof = {"code_verifier": verifier} if verifier else {}
        return self._fetch(
            registration.token_url,
            "authorization_code",
            code=code,
            redirect_uri=redirect_uri,
            **proof,
            **registration.token_parameters,
        )

    def refresh(self, tokens: TokenSet) -> TokenSet:
        """Return new tokens for old ones, with what the answer leaves out. Raises OAuthError of each kind.

        Many providers let a refresh token work once: callers must run one refresh at a time.
        """
        if tokens.refresh_token is None:
            raise GrantRefused("there is no refresh token")
        # Without `scope` the granted one is meant; some providers refuse any other.
        registration = self._registration
        fresh = self._fetch(
            registration.refresh_url or registration.token_url,
            "refresh_token",
            refresh_token=tokens.refresh_token,
            **registration.refresh_parameters,
        )
        return fresh.merged_into(tokens)

    def revoke(self, tokens: TokenSet) -> bool:
        """Let the provider end the grant (RFC 7009). Returns False if it has no revocation endpoint. Raises OAuthError.

        The refresh token where there is one, and then the access token: not every provider ends both with one.
        """
        url = self._registration.revocation_url
        if url is None:
            return False
        if tokens.refresh_token is None:
            self._revoke(url, tokens.access_token, "access_token")
            return True
        self._revoke(url, tokens.refresh_token, "refresh_token")
        try:
            self._revoke(url, tokens.access_token, "access_token")
        except RequestRefused as error:
            # Access tokens may be left to expire (RFC 7009 §2).
            if error.code != "unsupported_token_type":
                raise
        return True

    def _revoke(self, url: str, token: str, hint: str) -> None:
        try:
            with self._session() as session:
                answer = session.revoke_token(url, token=token, token_type_hint=hint)
        except RequestException as error:
            raise ProviderUnavailable(str(error)) from error
        if answer.status_code != 200:
            raise _refusal(answer.status_code, _json_object(answer))

    def _fetch(self, url: str, grant_type: str, **parameters: str | int) -> TokenSet:
        registration, asked_at = self._registration, clock.now()
        if registration.sends_json and registration.client_auth != "client_secret_basic":
            parameters["client_id"] = registration.client_id
            if registration.client_auth == "client_secret_post":
                parameters["client_secret"] = registration.client_secret
        try:
            with self._session() as session:
                session.read_answer = registration.read_answer
                if registration.sends_json:
                    session.sends_json = True
                    # Authlib would add them to the body as to a form's.
                    for name in ("client_secret_post", "none"):
                        session.register_client_auth_method((name, _leave))
                answer = session.fetch_token(url, grant_type=grant_type, **parameters)
        except RequestException as error:
            raise ProviderUnavailable(str(error)) from error
        try:
            return TokenSet.parse(answer, asked_at=asked_at, lifetime_s=registration.lifetime_s)
        except ValueError as error:
            raise RequestRefused(str(error)) from error

    def _session(self, **options: Any) -> ProviderSession:
        registration = self._registration
        return open_session(
            self._outbound,
            key=self._key,
            timeout_s=self._timeout_s,
            sends_once=self._sends_once,
            client_id=registration.client_id,
            client_secret=registration.client_secret or None,
            token_endpoint_auth_method=registration.client_auth,
            revocation_endpoint_auth_method=registration.client_auth,
            **options,
        )


def checked_answer(answer: Response, read: ReadAnswer | None = None) -> dict[str, Any]:
    """Return the JSON object of a token endpoint's answer, as `read` returns it.

    Raises OAuthError, also for errors that come with 200.
    """
    document = _json_object(answer)
    if document is not None and read is not None and not _is_transient(answer.status_code):
        document = dict(read(document))
    if document is None or answer.status_code >= 400 or "error" in document:
        raise _refusal(answer.status_code, document)
    return document


def _is_transient(status: int) -> bool:
    return status >= 500 or status in _TRANSIENT_STATUSES


def _refusal(status: int, document: dict[str, Any] | None) -> OAuthError:
    """Return the error that an unsuccessful answer stands for (RFC 6749 §5.2)."""
    if _is_transient(status) or document is None:
        return ProviderUnavailable(f"the provider answered {status}, not in a way that is understood")
    code = document.get("error")
    if not isinstance(code, str):
        return RequestRefused(f"the provider answered {status} without a reason")
    description = document.get("error_description")
    reason = f": {description[:_DESCRIPTION_CHARS_MAX]}" if isinstance(description, str) else ""
    return error_of(code[:_DESCRIPTION_CHARS_MAX], f"{code[:_DESCRIPTION_CHARS_MAX]}{reason}")


def _json_object(answer: Response) -> dict[str, Any] | None:
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _leave(
    _client: ClientAuth, _method: str, uri: str, headers: dict[str, str], body: str
) -> tuple[str, dict[str, str], str]:
    """Leave a request as it is: its body holds the id and the secret already."""
    return uri, headers, body


def _encode_basic(
    client: ClientAuth, _method: str, uri: str, headers: dict[str, str], body: str
) -> tuple[str, dict[str, str], str]:
    """Add the client's secret as RFC 6749 §2.3.1 requires; Authlib leaves the encoding of both parts out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body
