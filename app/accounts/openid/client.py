"""Talks to the company's OpenID provider, through Authlib and the one door out.

`app.oauth` does authorization and tokens. Here is what OpenID Connect adds: the provider's metadata, and the
id_token. Two gaps of Authlib are closed: it takes algorithms from the metadata (`none` included), and checks `aud`
only on request.
"""

import secrets
import threading
import time
from typing import Any

import structlog
from authlib.integrations.base_client import OpenIDMixin
from joserfc.errors import JoseError

from app.accounts.openid.contract import Identity, NotProven
from app.config import Settings
from app.lib.outbound import Client
from app.lib.outbound.requests_adapter import RequestException
from app.oauth.client import OAuthClient, ProviderSession, open_session
from app.oauth.contract import (
    Authorization,
    OAuthError,
    ProviderUnavailable,
    Registration,
    WrongIssuer,
    check_issuer,
)
from app.oauth.slots import ProviderSlots

log = structlog.get_logger()

TIMEOUT_S = 8.0
#: Key of the connections: one for all users.
_KEY = "openid"
#: The provider's metadata and keys are fetched again after this long: withdrawn keys are accepted no longer.
METADATA_VALID_S = 3600
#: A provider that failed is not asked again for this long.
_APART_S = 3
_CLOCK_DIFFERENCE_S = 60
_SUBJECT_CHARS_MAX = 255
#: Signatures that only the provider can make; never `none`, and no shared secret.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OpenIdClient(OpenIDMixin):  # type: ignore[misc]
    """The relying party of one provider. One for each process; threads share it."""

    def __init__(self, settings: Settings, outbound: Client) -> None:
        self.client_id = settings.openid_client_id
        self.issuer = settings.openid_issuer
        #: Authlib keeps the provider's keys in it.
        self.server_metadata: dict[str, Any] = {}
        self._client_secret = settings.openid_client_secret
        self._server_metadata_url = settings.openid_issuer.rstrip("/") + "/.well-known/openid-configuration"
        self._outbound = outbound
        self._timeout_s = TIMEOUT_S
        #: The rest of the threads is for those who have nothing to do with the provider.
        self._slots = ProviderSlots(max(1, settings.web_threads // 2))
        self._lock = threading.Lock()
        self._loaded_at_s = self._failed_at_s = -float("inf")

    def begin(self, redirect_uri: str) -> Authorization:
        """Return a new authorization at the provider. Raises ProviderUnavailable."""
        try:
            return self._oauth().begin(redirect_uri, nonce=secrets.token_urlsafe(20))
        except (RequestException, ValueError) as error:
            raise _unavailable(error) from error

    def check_sender(self, iss: str | None) -> None:
        """Check who sent the browser back (RFC 9207). Raises NotProven, ProviderUnavailable."""
        try:
            is_promised = self.load_server_metadata()["authorization_response_iss_parameter_supported"]
            check_issuer(iss, self.issuer, is_promised=is_promised)
        except WrongIssuer as error:
            raise NotProven(str(error)) from error
        except (RequestException, ValueError) as error:
            raise _unavailable(error) from error

    def finish(self, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> Identity:
        """Exchange the code and return who signed in. Raises NotProven, ProviderUnavailable."""
        try:
            with self._slots.taken():
                claims = self._proven_claims(code, redirect_uri, verifier, nonce)
        except (ProviderUnavailable, RequestException, ValueError, KeyError, TypeError) as error:
            raise _unavailable(error) from error
        except (OAuthError, JoseError) as error:
            raise NotProven(str(error)) from error
        return self._identity(claims)

    def _proven_claims(self, code: str, redirect_uri: str, verifier: str, nonce: str) -> dict[str, Any]:
        tokens = self._oauth().exchange(code=code, redirect_uri=redirect_uri, verifier=verifier)
        token = {"access_token": tokens.access_token, "id_token": tokens.extras.get("id_token")}
        if not isinstance(token["id_token"], str):
            raise NotProven("the answer holds no id_token")
        claims = dict(self.parse_id_token(token, nonce, self._claims_options(), leeway=_CLOCK_DIFFERENCE_S))
        if "email" not in claims and self.server_metadata.get("userinfo_endpoint"):
            return self._with_userinfo(tokens.access_token, claims)
        return claims

    def load_server_metadata(self) -> dict[str, Any]:
        """Return the provider's metadata, at most an hour old.

        Raises RequestException, ValueError, and ProviderUnavailable while others wait for it already.
        """
        if time.monotonic() - self._loaded_at_s <= METADATA_VALID_S:
            return self.server_metadata
        with self._slots.taken(), self._lock:
            now_s = time.monotonic()
            if now_s - self._loaded_at_s > METADATA_VALID_S:
                if now_s - self._failed_at_s < _APART_S:
                    raise ValueError("the description could not be read a moment ago")
                try:
                    self.server_metadata = self._loaded_metadata()
                except (RequestException, ValueError):
                    # Requests that waited for the lock must not wait for the same failure again.
                    self._failed_at_s = time.monotonic()
                    raise
                self._loaded_at_s = now_s
            return self.server_metadata

    def _loaded_metadata(self) -> dict[str, Any]:
        with self._get_session() as session:
            answer = session.request("GET", self._server_metadata_url, withhold_token=True)
            answer.raise_for_status()
            return _checked(answer.json(), self.issuer)

    def _oauth(self) -> OAuthClient:
        metadata = self.load_server_metadata()
        registration = Registration(
            client_id=self.client_id,
            client_secret=self._client_secret,
            authorization_url=metadata["authorization_endpoint"],
            token_url=metadata["token_endpoint"],
            scope="openid email profile",
            client_auth=metadata["token_endpoint_auth_method"],
        )
        return OAuthClient(registration, self._outbound, key=_KEY, timeout_s=self._timeout_s)

    def _get_session(self) -> ProviderSession:
        """Return the session with which the mixin fetches the provider's keys."""
        return open_session(self._outbound, key=_KEY, timeout_s=self._timeout_s)

    def _claims_options(self) -> dict[str, Any]:
        return {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.client_id},
            "nonce": {"essential": True},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }

    def _with_userinfo(self, access_token: str, claims: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}"}
        with self._get_session() as session:
            answer = session.request(
                "GET", self.server_metadata["userinfo_endpoint"], withhold_token=True, headers=headers
            )
            answer.raise_for_status()
            more = answer.json()
        if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
            raise NotProven("the user info is about somebody else")
        return {**more, **claims}

    def _identity(self, claims: dict[str, Any]) -> Identity:
        subject, email = claims["sub"], claims.get("email")
        if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_CHARS_MAX or "\0" in subject:
            raise NotProven("the subject cannot be stored")
        is_verified = claims.get("email_verified") in (True, "true")
        name = claims.get("name")
        return Identity(
            issuer=self.issuer,
            subject=subject,
            email=email if is_verified and isinstance(email, str) else None,
            name=name if isinstance(name, str) else "",
        )


def _checked(document: object, issuer: str) -> dict[str, Any]:
    """Return the fields of the provider's metadata that are used. Raises ValueError when they are invalid."""
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise ValueError(f"the description at OPENID_ISSUER is not of the issuer {issuer}")
    scheme = "https://" if issuer.startswith("https://") else "http"
    used: dict[str, Any] = {}
    for name in _ENDPOINTS:
        address = document.get(name)
        if not isinstance(address, str) or not address.startswith(scheme):
            raise ValueError(f"the description of {issuer} has no {name} that can be used")
        used[name] = address
    userinfo = document.get("userinfo_endpoint")
    if isinstance(userinfo, str) and userinfo.startswith(scheme):
        used["userinfo_endpoint"] = userinfo
    offered = document.get("id_token_signing_alg_values_supported") or ["RS256"]
    algorithms = [name for name in _ALGORITHMS if name in offered]
    if not algorithms:
        raise ValueError(f"{issuer} signs with none of {', '.join(_ALGORITHMS)}")
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    is_posted = "client_secret_basic" not in methods and "client_secret_post" in methods
    return used | {
        "issuer": issuer,
        "id_token_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_method": "client_secret_post" if is_posted else "client_secret_basic",
        "authorization_response_iss_parameter_supported": bool(
            document.get("authorization_response_iss_parameter_supported")
        ),
    }


def _unavailable(error: Exception) -> ProviderUnavailable:
    log.warning("openid_provider_unreachable", reason=str(error), kind=type(error).__name__)
    return ProviderUnavailable(str(error))
