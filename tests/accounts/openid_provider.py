"""An OpenID provider on loopback: discovery, keys, authorization with instant consent, token, user info.

It enforces the rules of the protocol: the exact redirect address, PKCE, the client's secret, codes that work once. A
test makes it misbehave by setting a field of `Misbehaviour`.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "signalbox", "a secret with: signs & blanks"


@dataclass
class Misbehaviour:
    """What the provider does wrong; nothing at first."""

    #: Claims of the id_token to change; None leaves one out.
    claims: dict[str, Any] = field(default_factory=dict)
    #: none: unsigned; hmac: signed with the client's secret; stranger: with a key that is not published.
    signature: str = ""
    id_token: bool = True
    #: The answer of the authorization endpoint: an error instead of a code, another issuer, or none named.
    error: str = ""
    response_iss: str | None = ""
    token_status: int = 200
    token_body: bytes | None = None
    delay_s: float = 0
    #: The token endpoint answers when it is set.
    holds: threading.Event | None = None
    #: The same for the discovery document.
    holds_discovery: threading.Event | None = None
    #: Fields of the discovery document to change.
    discovery: dict[str, Any] = field(default_factory=dict)
    redirects_to: str = ""


@dataclass
class Provider:
    """A running provider, and the user who signs in there next."""

    issuer: str = ""
    redirect_uri: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    wrong: Misbehaviour = field(default_factory=Misbehaviour)
    #: Every request: method, path and headers.
    seen: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    connection_count: int = 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    stranger: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))

    def discovery(self) -> dict[str, Any]:
        """Return the provider's metadata."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": True,
            "code_challenge_methods_supported": ["S256"],
            # Fields that Authlib would pass to its client as arguments.
            "scope": "nothing",
            "redirect_uri": "http://127.0.0.1:1/elsewhere",
            "code_challenge_method": "plain",
        } | self.wrong.discovery

    def authorize(self, query: Mapping[str, str]) -> str:
        """Return where the browser is sent back to: sign-in and consent are instant."""
        assert query["client_id"] == CLIENT_ID
        assert query["redirect_uri"] == self.redirect_uri, query["redirect_uri"]
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert set(query["scope"].split()) == {"openid", "email", "profile"}
        answer = {"state": query["state"]}
        if self.wrong.response_iss is not None:
            answer["iss"] = self.wrong.response_iss or self.issuer
        if self.wrong.error:
            answer["error"] = self.wrong.error
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self.codes[answer["code"]] = dict(query)
        return f"{self.redirect_uri}?{urlencode(answer)}"

    def token(self, form: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Exchange a code, once."""
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        if [unquote_plus(part) for part in pair] != [CLIENT_ID, CLIENT_SECRET]:
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or form.get("redirect_uri") != self.redirect_uri
            or challenge.decode().rstrip("=") != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        answer: dict[str, Any] = {"access_token": "at", "token_type": "Bearer", "expires_in": 60}
        if self.wrong.id_token:
            answer["id_token"] = self.id_token(asked["nonce"])
        return 200, answer

    def id_token(self, nonce: str) -> str:
        """Return the signed statement of who signed in."""
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce,
        } | self.person | self.wrong.claims  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.wrong.signature == "none":
            return f"{_encoded({'alg': 'none', 'kid': 'one'})}.{_encoded(claims)}."
        if self.wrong.signature == "hmac":
            signed = f"{_encoded({'alg': 'HS256'})}.{_encoded(claims)}"
            digest = hmac.digest(CLIENT_SECRET.encode(), signed.encode(), "sha256")
            return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
        key = self.stranger if self.wrong.signature == "stranger" else self.key
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)

    def page(self, path: str, query: Mapping[str, str]) -> tuple[int, object, str]:
        """Return status, JSON and redirect of what is fetched."""
        if self.wrong.redirects_to:
            return 302, {}, self.wrong.redirects_to
        if path == "/authorize":
            return 302, {}, self.authorize(query)
        pages: dict[str, object] = {
            "/.well-known/openid-configuration": self.discovery(),
            "/keys": {"keys": [self.key.as_dict(private=False)]},
            "/userinfo": self.person,
        }
        return (200, pages[path], "") if path in pages else (404, {}, "")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, provider: Provider) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.provider = provider

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: the tests hang up on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.provider.connection_count += 1

    def do_GET(self) -> None:
        provider = self.server.provider
        parts = urlsplit(self.path)
        provider.seen.append(("GET", parts.path, dict(self.headers)))
        if provider.wrong.holds_discovery is not None:
            provider.wrong.holds_discovery.wait(60)
        self._answer(*provider.page(parts.path, _first_values(parts.query)))

    def do_POST(self) -> None:
        provider = self.server.provider
        provider.seen.append(("POST", self.path, dict(self.headers)))
        form = _first_values(self.rfile.read(int(self.headers["Content-Length"])).decode())
        time.sleep(provider.wrong.delay_s)
        if provider.wrong.holds is not None:
            provider.wrong.holds.wait(60)
        if provider.wrong.token_body is not None:
            self._answer(provider.wrong.token_status, provider.wrong.token_body)
        else:
            self._answer(*provider.token(form, self.headers.get("Authorization", "")))

    def _answer(self, status: int, body: object, location: str = "") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def provider_running() -> Iterator[Provider]:
    """Run a provider on a free port of loopback."""
    provider = Provider()
    server = _Server(provider)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _first_values(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def _encoded(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
