"""The head of a request (RFC 9112): what is refused in it before the application sees it."""

import httptools

from app.server import refusals
from app.server.limits import HEADERS_MAX
from app.server.refusals import Refusal

#: Names are in small letters, as the parser's callbacks store them.
Headers = list[tuple[bytes, bytes]]


def find_fault(headers: Headers, *, version: str, asks_for_upgrade: bool) -> Refusal | None:
    """Return why a request with these headers is refused; None when it is not."""
    if len(headers) > HEADERS_MAX:
        return refusals.HEAD_TOO_LARGE
    if version not in ("1.0", "1.1"):
        return refusals.WRONG_VERSION
    names = [name for name, _ in headers]
    if names.count(b"host") != 1 and (version == "1.1" or b"host" in names):
        return refusals.BAD_REQUEST
    has_body = b"transfer-encoding" in names or announced_bytes(headers) > 0
    if has_body and asks_for_upgrade:
        # The parser takes the body for the other protocol, that is, for the next request.
        return refusals.UPGRADE_WITH_BODY
    return None


def announced_bytes(headers: Headers) -> int:
    """Return the size of the body that the headers announce; 0 for none, and for one in chunks."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def take_authority(url: bytes, headers: Headers) -> bytes:
    """Return the target in origin form. One in absolute form (3.2.2) has an authority: it replaces the header Host."""
    if url.startswith((b"/", b"*")):
        return url
    target = httptools.parse_url(url)
    port: int | None = target.port
    authority = target.host if port is None else b"%s:%d" % (target.host, port)
    headers[:] = [header for header in headers if header[0] != b"host"]
    headers.append((b"host", authority))
    return (target.path or b"/") + (b"?" + target.query if target.query else b"")
