"""An OAuth 2.0 authorization server on loopback: Authlib's own, with its state in memory.

Codes with PKCE, refresh tokens that rotate (an old one is refused), revocation, and `iss` in its answers (RFC 9207).
At `/authorize` sign-in and consent are instant.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import flask
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from werkzeug.serving import WSGIRequestHandler, make_server

CLIENT_ID, CLIENT_SECRET = "signalbox", "not-known-to-anybody"
REDIRECT_URI = "https://signalbox.example/callback"


@dataclass
class Code:
    """An authorization code."""

    code: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str
    client_id: str = CLIENT_ID

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Token:
    """An access token with its refresh token."""

    access_token: str
    refresh_token: str
    scope: str
    is_revoked: bool = False

    def get_scope(self) -> str:
        return self.scope

    def check_client(self, _client: object) -> bool:
        return True


class RegisteredClient:
    """The one client that it knows."""

    client_id = CLIENT_ID

    def __init__(self, authority: "Authority") -> None:
        self._authority = authority

    def check_redirect_uri(self, uri: str) -> bool:
        return uri == self._authority.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_client_secret(self, secret: str) -> bool:
        return secret == self._authority.client_secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass
class Authority:
    """A running server: what it issued and what it was asked."""

    url: str = ""
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    #: Path and form of each request with a body.
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    #: Given to the next request with a body in place of the true answer: status, body and delay in seconds.
    instead: tuple[int, bytes, float] | None = None
    #: What its client is registered with.
    redirect_uri: str = REDIRECT_URI
    client_secret: str = CLIENT_SECRET
    #: Added to each answer of the token endpoint; None takes a member away.
    in_answers: dict[str, Any] = field(default_factory=dict)

    def by_access_token(self, text: str) -> Token | None:
        """Return the token that a resource server would accept."""
        return next((each for each in self.tokens if each.access_token == text and not each.is_revoked), None)


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    """Codes, each bound to a challenge."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def save_authorization_code(self, code: str, request: Any) -> None:
        payload = request.payload
        self.server.authority.codes[code] = Code(
            code,
            payload.redirect_uri,
            payload.scope,
            payload.data["code_challenge"],
            payload.data["code_challenge_method"],
        )

    def query_authorization_code(self, code: str, _client: object) -> Code | None:
        return self.server.authority.codes.get(code)

    def delete_authorization_code(self, code: Code) -> None:
        del self.server.authority.codes[code.code]

    def authenticate_user(self, _code: Code) -> str:
        return "alice"


class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    """Refresh tokens that work once."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, text: str) -> Token | None:
        return next(
            (
                each
                for each in self.server.authority.tokens
                if each.refresh_token == text and not each.is_revoked
            ),
            None,
        )

    def authenticate_user(self, _token: Token) -> str:
        return "alice"

    def revoke_old_credential(self, token: Token) -> None:
        token.is_revoked = True


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """Either token ends both."""

    CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def query_token(self, text: str, _hint: str) -> Token | None:
        return next(
            (t for t in self.server.authority.tokens if text in (t.access_token, t.refresh_token)), None
        )

    def revoke_token(self, token: Token, _request: object) -> None:
        token.is_revoked = True


class Issuer(IssuerParameter):  # type: ignore[misc]
    """Names the issuer in every answer."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def get_issuer(self) -> str:
        return self._authority.url


def _app(authority: Authority) -> flask.Flask:
    app = flask.Flask("authority")
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": 3600, "refresh_token": 1800}

    def save_token(token: dict[str, Any], _request: object) -> None:
        authority.tokens.append(Token(token["access_token"], token.get("refresh_token", ""), token["scope"]))

    server = AuthorizationServer(
        app,
        query_client=lambda name: RegisteredClient(authority) if name == CLIENT_ID else None,
        save_token=save_token,
    )
    server.authority = authority
    server.register_grant(CodeGrant, [CodeChallenge(required=True)])
    server.register_grant(RefreshGrant)
    server.register_endpoint(Revocation)
    server.register_extension(Issuer(authority))

    _add_routes(app, server, authority)
    return app


def _add_routes(app: flask.Flask, server: AuthorizationServer, authority: Authority) -> None:
    @app.before_request
    def note() -> flask.Response | None:
        if flask.request.method != "POST":
            return None
        authority.seen.append((flask.request.path, flask.request.form.to_dict()))
        if authority.instead is None:
            return None
        status, body, delay_s = authority.instead
        time.sleep(delay_s)
        return flask.Response(body, status, mimetype="application/json")

    @app.get("/authorize")
    def authorize() -> Any:
        grant = server.get_consent_grant(end_user="alice")
        return server.create_authorization_response(grant_user="alice", grant=grant)

    @app.post("/token")
    def token() -> Any:
        answer = flask.make_response(server.create_token_response())
        if answer.status_code == 200 and authority.in_answers:
            members = {**(answer.get_json() or {}), **authority.in_answers}
            answer.data = flask.json.dumps(
                {name: value for name, value in members.items() if value is not None}
            )
        return answer

    @app.get("/me")
    def me() -> Any:
        _, _, text = flask.request.headers.get("Authorization", "").partition(" ")
        if authority.by_access_token(text) is None:
            return {"error": "invalid_token"}, 401
        return {"name": "alice"}

    app.post("/revoke", endpoint="revoke")(lambda: server.create_endpoint_response("revocation"))


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def authority_running() -> Iterator[Authority]:
    """Run a server on a free port of loopback. AUTHLIB_INSECURE_TRANSPORT must be set: it speaks http."""
    authority = Authority()
    server = make_server("127.0.0.1", 0, _app(authority), threaded=True, request_handler=_Quiet)
    authority.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
