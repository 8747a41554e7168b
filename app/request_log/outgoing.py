"""Writes calls to other services to the request log: within the transaction that records what became of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from flask import g, has_request_context
from sqlalchemy import Connection, insert

from app.extensions import current_settings
from app.lib import redact
from app.lib.ids import new_id
from app.lib.outbound import Result
from app.request_log import redaction
from app.request_log.calls import BODY_KEPT_MAX_BYTES, HEADER_CHARS_MAX, HEADERS_MAX, PATH_CHARS_MAX
from app.request_log.models import LoggedRequest

#: Of these nothing can be read, and no secret found.
_BINARY_TYPES = (
    "image/",
    "audio/",
    "video/",
    "font/",
    "application/octet-stream",
    "application/pdf",
    "application/zip",
)
#: A part of a secret that is shorter is in every other text.
_PART_CHARS_MIN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """A call to a service and what became of it, as it was sent: nothing is redacted yet.

    `secret_values` are masked wherever they stand, however they are written; `secret_names`, in lower case, are fields of
    bodies and queries that hold secrets although nothing in their names says so.
    """

    team_id: str
    integration_id: str
    integration_name: str
    purpose: str
    source_id: str | None
    method: str
    url: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    result: Result
    tries: int
    #: Kind and words.
    failure: tuple[str, str] | None
    secret_values: Sequence[str] = field(repr=False)
    secret_names: frozenset[str] = frozenset()


def log_outgoing(connection: Connection, sent: OutgoingRequest) -> str | None:
    """Add the call to the caller's transaction; returns its id, None where the operator wants no request log."""
    if not current_settings().request_log_days:
        return None
    row = row_of(sent)
    connection.execute(insert(LoggedRequest), row)
    return str(row["id"])


def row_of(sent: OutgoingRequest) -> dict[str, Any]:
    """Return the values of a row, every secret masked."""
    result, mask = sent.result, _Mask(sent)
    kind, words = sent.failure or (None, None)
    parts = urlsplit(sent.url)
    return {
        "id": new_id("req"),
        "team_id": sent.team_id,
        "direction": "out",
        "integration_id": sent.integration_id,
        "integration_name": sent.integration_name[:100],
        "purpose": sent.purpose,
        "source_id": sent.source_id,
        "method": sent.method[:8],
        "scheme": parts.scheme[:5],
        # Addresses with a user name are refused before anything is sent.
        "host": mask.text(parts.netloc)[:255],
        "path": mask.path(f"{parts.scheme}://{parts.netloc}"),
        "status": result.status_code,
        "error_code": kind[:32] if kind else None,
        "error_detail": mask.text(words)[:500] if words else None,
        "duration_ms": round(result.total_ms or 0.0, 2),
        "tries": sent.tries,
        "dns_ms": result.dns_ms,
        "connect_ms": result.connect_ms,
        "tls_ms": result.tls_ms,
        "first_byte_ms": result.first_byte_ms,
        "request_bytes": len(sent.body),
        "response_bytes": len(result.body),
        "address": result.remote_address,
        "request_id": g.get("request_id") if has_request_context() else None,
        "request_headers": mask.headers(sent.headers),
        "request_body": mask.body(sent.body, sent.headers) if sent.body else None,
        "response_headers": mask.headers(result.headers) if result.status_code else None,
        "response_body": (
            mask.body(result.body, result.headers, is_cut=result.body_truncated) if result.body else None
        ),
        "created_at": result.started_at,
    }


class _Mask:
    """Masks what one call holds: by name, by value, and by what its definition says."""

    def __init__(self, sent: OutgoingRequest) -> None:
        self._sent = sent
        self._values = list(dict.fromkeys(_forms(_secrets_of(sent))))

    def text(self, shown: str, *, is_cut: bool = False) -> str:
        return redact.text(shown, secret_values=self._values, is_cut=is_cut)

    def path(self, origin: str) -> str:
        """Return what follows `scheme://host`; of an address that is a secret as a whole, the mask."""
        # Cut after it is masked, or the start of a secret would be left at the end.
        masked = redact.url(self.text(self._sent.url), secret_names=self._sent.secret_names)
        return masked.removeprefix(origin)[:PATH_CHARS_MAX]

    def headers(self, pairs: Sequence[tuple[str, str]]) -> str:
        """Return the headers as they are stored, each cut."""
        masked = redact.headers(pairs[:HEADERS_MAX], secret_values=self._values)
        return orjson.dumps(
            [(name, value[:HEADER_CHARS_MAX]) for name, value in redaction.headers(masked)]
        ).decode()

    def body(self, content: bytes, headers: Sequence[tuple[str, str]], *, is_cut: bool = False) -> str:
        """Return the start of a body; of one that is no text, what it is."""
        kind = next((value for name, value in headers if name.lower() == "content-type"), "").lower()
        if kind.startswith(_BINARY_TYPES):
            return f"Not kept: {len(content):,} bytes of {kind.partition(';')[0][:80]}."
        is_cut = is_cut or len(content) > BODY_KEPT_MAX_BYTES
        shown = redaction.body(
            content, is_cut=is_cut, size_max=BODY_KEPT_MAX_BYTES, secret_names=self._sent.secret_names
        )
        return self.text(shown, is_cut=is_cut)


def _secrets_of(sent: OutgoingRequest) -> Iterable[str]:
    """Yield the secrets of a call: its credentials, what its headers carry of them, the paths of secret addresses."""
    for secret in sent.secret_values:
        yield secret
        if secret.startswith(redact.URL_STARTS):
            parts = urlsplit(secret)
            yield from (part for part in (parts.path.strip("/"), parts.query) if len(part) >= _PART_CHARS_MIN)
    for name, value in sent.headers:
        # Servers that repeat what they got: a pair of user and password stands there encoded.
        if redact.is_secret_name(name):
            yield from (part for part in (value, value.rpartition(" ")[2]) if len(part) >= _PART_CHARS_MIN)


def _forms(secrets: Iterable[str]) -> Iterable[str]:
    for secret in secrets:
        if secret:
            yield from redact.written_forms(secret)
