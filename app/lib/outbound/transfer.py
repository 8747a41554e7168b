"""`Request` and `Result` of a transfer, and the rules for methods and headers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

HEADER_BYTES_MAX = 65_536
"""All header bytes of one answer, 1xx responses and trailers included; more is `headers_too_large`."""

ERROR_KINDS = frozenset(
    {
        "address_refused",
        "dns_failed",
        "dns_timeout",
        "connect_refused",
        "connect_failed",
        "timeout_connect",
        "timeout_first_byte",
        "timeout_body",
        "tls_failed",
        "reset",
        "response_invalid",
        "headers_too_large",
        "url_invalid",
        "unknown",
    }
)
"""Every `Result.error_kind` given here. Those about a status (`http_4xx` …) are set by the caller."""

# Written by libcurl itself. A second value would let the caller contradict the bytes that follow (request
# smuggling), or leave the peer waiting for a body that never comes.
RESERVED_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_known_names: set[str] = set()


@dataclass(slots=True)
class Request:
    """One HTTP request, not to be changed once it is passed on. `timeout_s` is the hard end of everything, name
    lookup and body included.

    Looking the name up ends after `dns_timeout_s`, and with the connect and total deadlines, which include it; on
    a connection that is open already there is none. Headers are sent as given, in order; nothing is added but
    Host, Content-Length and the connection's own. `owner` is on whose behalf it is sent: names of one owner that
    do not resolve never hold up another's. `tag` is for the caller and is never read here.
    """

    url: str
    method: str = "POST"
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    #: A query that is lost is repeated by the system after five seconds.
    dns_timeout_s: float = 6.0
    connect_timeout_s: float = 10.0
    timeout_s: float = 15.0
    max_body_bytes: int = 16_384
    owner: str = ""
    tag: object = None


@dataclass(slots=True)
class Result:
    """The result of one request.

    `status_code` is set once a final status line has arrived, also when the rest then failed: `error_kind`
    None means that the answer is complete, or complete up to `max_body_bytes` (then `body_truncated`).
    Durations are of each phase, in milliseconds, not cumulative: None for a phase not reached, 0.0 for dns,
    connect and tls on a reused connection. `error_detail` is a sentence for people and holds no header, body
    or query of the request.
    """

    started_at: datetime
    status_code: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    body_truncated: bool = False
    error_kind: str | None = None
    error_detail: str | None = None
    remote_address: str | None = None
    remote_port: int | None = None
    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    total_ms: float | None = None
    connection_reused: bool = False


def header_lines(headers: Sequence[tuple[str, str]]) -> list[str]:
    """Return the header lines as libcurl takes them.

    Raises ValueError for a name that is no token, a name libcurl must write itself (RESERVED_HEADERS), and a
    value that holds CR, LF, NUL or anything outside ASCII.
    """
    if not _known_names.issuperset([name for name, _ in headers]):
        _learn_names(headers)
    # libcurl reads "Name:" as "leave this header out" and "Name;" as "send it empty".
    lines = [f"{name}: {value}" if value.strip() else f"{name};" for name, value in headers]
    joined = "\n".join(lines)
    if not joined.isascii() or joined.count("\n") >= (len(lines) or 1) or "\r" in joined or "\0" in joined:
        bad = next(
            name for name, value in headers if not value.isascii() or any(c in value for c in "\r\n\0")
        )
        raise ValueError(f"The value of the header {bad} contains a line break or a character outside ASCII.")
    return lines


def _learn_names(headers: Sequence[tuple[str, str]]) -> None:
    """Raise ValueError for the first invalid name. Cached: the same names come with nearly every request."""
    for name, _ in headers:
        if _TOKEN.fullmatch(name) is None:
            raise ValueError("A header name may hold letters, digits and !#$%&'*+-.^_`|~ only.")
        if name.lower() in RESERVED_HEADERS:
            raise ValueError(f"The header {name} is written by the connection itself and cannot be set.")
    if len(_known_names) < 4096:
        _known_names.update(name for name, _ in headers)


def read_headers(parts: Sequence[bytes]) -> list[tuple[str, str]]:
    """Return the header fields of the final response, in order, from raw lines as they arrived.

    Interim (1xx) responses before it and trailers after it are left out; bytes outside ASCII read as Latin-1.
    """
    if parts.count(b"\r\n") != 1 or parts[-1] != b"\r\n" or parts[0][9:10] == b"1":
        parts = _final_block(parts)
    headers = []
    for line in parts[1:]:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            headers.append((name, value.strip()))
    return headers


def _final_block(parts: Sequence[bytes]) -> list[bytes]:
    """Return the lines of the first response that is not interim, status line first."""
    block: list[bytes] = []
    for line in parts:
        if line.strip():
            block.append(line)
        elif block and block[0][9:10] != b"1":
            break
        else:
            block = []
    return block


def shape_of(request: Request) -> str:
    """Return the handle's set-up: requests of one shape differ in URL, headers, body, deadlines only.

    Raises ValueError, in words for people, for a method that is not sent, or not with a body.
    """
    method = request.method
    if method in _METHODS_WITH_BODY:
        return method
    if method not in ("GET", "HEAD"):
        raise ValueError(f"The method {method!r} is not supported.")
    if request.body:
        raise ValueError(f"A {method} request has no body.")
    return method


def check_scheme(url: str) -> None:
    """Raise ValueError, in words for people, unless it is http or https."""
    if not url.startswith(("https://", "http://")) and not url.lower().startswith(("https://", "http://")):
        raise ValueError("The URL must start with http:// or https://.")
