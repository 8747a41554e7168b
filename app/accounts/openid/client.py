"""Speaks with the company's OpenID provider, through Authlib and the one door out.

What Authlib leaves open is closed here: it takes every key of the provider's description as an argument of its
client, algorithms from there too (`none` included), checks `aud` only when told to, and does not look at `iss` in
the answer (RFC 9207).
"""

import base64
import logging
import threading
import time
from typing import Any
from urllib.parse import quote_plus

import structlog
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OAuthError, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.auth import ClientAuth
from joserfc.errors import JoseError

from app.accounts.openid.contract import Authorization, Identity, NotProven, ProviderUnreachable
from app.config import Settings
from app.lib.outbound import Client
from app.lib.outbound.requests_adapter import OutboundAdapter, RequestException

log = structlog.get_logger()
# At DEBUG it writes PKCE verifiers into the log.
logging.getLogger("authlib").setLevel(logging.INFO)

TIMEOUT_S = 8.0
ANSWER_MAX_BYTES = 262_144
#: The provider's description and keys are asked for again after this long: keys that it withdrew count no more.
METADATA_VALID_S = 3600
#: A provider that just failed is left alone for so long.
_APART_S = 3
_CLOCK_DIFFERENCE_S = 60
_SUBJECT_CHARS_MAX = 255
#: Signatures that only the provider can make; never `none`, and no shared secret.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OpenIdClient(OAuth2Mixin, OpenIDMixin, BaseApp):  # type: ignore[misc]
    """The relying party of one provider. One for each process; threads share it."""

    def __init__(self, settings: Settings, outbound: Client) -> None:
        super().__init__(
            framework=None,
            name="openid",
            client_id=settings.openid_client_id,
            client_secret=settings.openid_client_secret,
            server_metadata_url=settings.openid_issuer.rstrip("/") + "/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
            client_auth_methods=[("client_secret_basic", _encode_basic)],
        )
        self.issuer = settings.openid_issuer
        self._adapter = OutboundAdapter(
            outbound, key="openid", timeout_s=TIMEOUT_S, max_body_bytes=ANSWER_MAX_BYTES
        )
        self.client_cls = self._new_session
        self._lock = threading.Lock()
        self._loaded_at_s = self._failed_at_s = -float("inf")

    def begin(self, redirect_uri: str) -> Authorization:
        """Return a new pending to the provider. Raises ProviderUnreachable."""
        try:
            made = self.create_authorization_url(redirect_uri)
        except (RequestException, ValueError) as error:
            raise _unreachable(error) from error
        return Authorization(made["url"], made["state"], made["nonce"], made["code_verifier"])

    def check_sender(self, iss: str | None) -> None:
        """Check who sent the browser back (RFC 9207). Raises NotProven, ProviderUnreachable."""
        try:
            is_promised = self.load_server_metadata()["authorization_response_iss_parameter_supported"]
        except (RequestException, ValueError) as error:
            raise _unreachable(error) from error
        if (iss is None and is_promised) or iss not in (None, self.issuer):
            raise NotProven("the answer came from another issuer")

    def finish(self, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> Identity:
        """Exchange the code and return who signed in. Raises NotProven, ProviderUnreachable."""
        try:
            token = self.fetch_access_token(redirect_uri, code=code, code_verifier=verifier)
            if not isinstance(token.get("id_token"), str):
                raise NotProven("the answer holds no id_token")
            claims = dict(
                self.parse_id_token(token, nonce, self._claims_options(), leeway=_CLOCK_DIFFERENCE_S)
            )
            if "email" not in claims and self.server_metadata.get("userinfo_endpoint"):
                claims = self._with_userinfo(token, claims)
        except (OAuthError, JoseError) as error:
            raise NotProven(str(error)) from error
        except (RequestException, ValueError, KeyError, TypeError) as error:
            raise _unreachable(error) from error
        return self._identity(claims)

    def load_server_metadata(self) -> dict[str, Any]:
        """Return the provider's description, at most an hour old. Raises RequestException, ValueError."""
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._loaded_at_s > METADATA_VALID_S:
                if now_s - self._failed_at_s < _APART_S:
                    raise ValueError("the description could not be read a moment ago")
                try:
                    self.server_metadata = self._loaded_metadata()
                except (RequestException, ValueError):
                    # Who waits for the lock meanwhile must not wait for the same failure once more.
                    self._failed_at_s = time.monotonic()
                    raise
                self._loaded_at_s = now_s
            return self.server_metadata

    def _loaded_metadata(self) -> dict[str, Any]:
        with self._get_session() as session:
            answer = session.request("GET", self._server_metadata_url, withhold_token=True)
            answer.raise_for_status()
            return _judged(answer.json(), self.issuer)

    def _new_session(self, **options: Any) -> OAuth2Session:
        session = OAuth2Session(trust_env=False, **options)
        session.adapters.clear()
        for scheme in ("https://", "http://"):
            session.mount(scheme, self._adapter)
        return session

    def _claims_options(self) -> dict[str, Any]:
        return {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.client_id},
            "nonce": {"essential": True},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }

    def _with_userinfo(self, token: dict[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token['access_token']}"}
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


def _encode_basic(
    client: ClientAuth, _method: str, uri: str, headers: dict[str, str], body: str
) -> tuple[str, dict[str, str], str]:
    """Add the client's secret as RFC 6749 §2.3.1 wants it; Authlib leaves the encoding of both parts out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body


def _judged(document: object, issuer: str) -> dict[str, Any]:
    """Return what is used of the provider's description. Raises ValueError when it cannot be used."""
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


def _unreachable(error: Exception) -> ProviderUnreachable:
    log.warning("openid_provider_unreachable", reason=str(error), kind=type(error).__name__)
    return ProviderUnreachable(str(error))
