"""Headers of every response, the request id, and the read-only transactions of GET requests."""

import re

import structlog
from flask import Flask, Response, g, request

from app.config import Settings
from app.db.session import begin_reading, end_reading
from app.lib.ids import new_id
from app.web.access import may_write

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def security_headers(settings: Settings) -> dict[str, str]:
    """Return the headers of every answer, whichever part of the program gives it."""
    headers = {
        "Content-Security-Policy": _CSP,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    if settings.is_production and settings.public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def static_cache_control(version: str | None) -> str:
    """Return the Cache-Control of a static file: immutable where its address holds a version (`?v=`)."""
    return "public, max-age=31536000, immutable" if version else "no-cache"


def request_id_of(presented: str | None) -> str:
    """Return the request id of the caller, or a new one where there is no valid one."""
    return presented if presented and _REQUEST_ID.fullmatch(presented) else new_id("req")


def init_headers(app: Flask, settings: Settings) -> None:
    """Give every request an id and every response its security headers."""
    security = security_headers(settings)

    def begin() -> None:
        g.request_id = request_id_of(request.headers.get("X-Request-Id"))
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        if not may_write():
            g.reading_token = begin_reading()

    def finish(response: Response) -> Response:
        headers = response.headers
        headers["X-Request-Id"] = g.get("request_id", "")
        for name, value in security.items():
            headers.setdefault(name, value)
        if request.endpoint == "static":
            headers["Cache-Control"] = static_cache_control(request.args.get("v"))
        else:
            # Pages are private to a user and change with every delivery.
            headers.setdefault("Cache-Control", "private, no-store")
        return response

    def end(_error: BaseException | None) -> None:
        token = g.pop("reading_token", None)
        if token is not None:
            end_reading(token)

    app.before_request(begin)
    app.after_request(finish)
    app.teardown_request(end)
