"""Answers that the server gives by itself, before or instead of the application: problem+json (RFC 9457)."""

from dataclasses import dataclass
from http import HTTPStatus

import orjson

from app.lib.errors import Code
from app.lib.ids import new_id


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served; `detail` says what to do."""

    status: HTTPStatus
    code: Code
    detail: str
    retry_after_s: int | None = None


BAD_REQUEST = Refusal(
    HTTPStatus.BAD_REQUEST, "VALIDATION_ERROR", "This is not a valid HTTP/1.1 request (RFC 9112)."
)
SLOW_HEAD = Refusal(
    HTTPStatus.REQUEST_TIMEOUT,
    "VALIDATION_ERROR",
    "The head of the request did not arrive in time. Send the request again, all of it at once.",
)
SLOW_BODY = Refusal(
    HTTPStatus.REQUEST_TIMEOUT,
    "VALIDATION_ERROR",
    "The body of the request did not arrive in time. Send the request again, all of it at once.",
)
HEAD_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "VALIDATION_ERROR",
    "The head of the request is too large. Send fewer or shorter headers and cookies, or a shorter address.",
)
CHUNK_FRAMING_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "VALIDATION_ERROR",
    "The chunks of the body have too little in them, or too large extensions or trailers. Send larger chunks.",
)
UPGRADE_WITH_BODY = Refusal(
    HTTPStatus.NOT_IMPLEMENTED,
    "VALIDATION_ERROR",
    "A request with a body cannot ask for another protocol. Send it without the header Upgrade.",
)
WRONG_VERSION = Refusal(
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "VALIDATION_ERROR", "Signalbox speaks HTTP/1.1."
)
OVERLOADED = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "SERVICE_UNAVAILABLE",
    "Too many requests are under way. Try again in a moment.",
    retry_after_s=2,
)


def headers_and_body(refusal: Refusal) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the answer. It has a request id, as every answer of the application does."""
    request_id = new_id("req")
    problem = {
        "type": "about:blank",
        "title": refusal.status.phrase,
        "status": refusal.status.value,
        "detail": refusal.detail,
        "code": refusal.code,
        "request_id": request_id,
    }
    body = orjson.dumps(problem)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"private, no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after_s))
    return headers, body


def as_bytes(refusal: Refusal, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the answer as it goes over the wire."""
    headers, body = headers_and_body(refusal)
    lines = [b"HTTP/1.1 %d %s" % (refusal.status, refusal.status.phrase.encode())]
    lines += [b"%s: %s" % header for header in (*default_headers, *headers)]
    return b"\r\n".join((*lines, b"", body))
