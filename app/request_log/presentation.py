"""Shapes logged calls for templates: headers, bodies as they came and indented, the timing bar. Pure."""

from dataclasses import dataclass

import orjson

from app.lib.json_text import pretty_json
from app.lib.timing import Segment, shown_ms, timing_segments
from app.request_log.models import LoggedRequest
from app.request_log.rules import PURPOSES


@dataclass(frozen=True, slots=True)
class ShownBody:
    """A body for people: `text` is indented where it is JSON (`language` json or text), `raw` is what was kept of it."""

    text: str
    language: str
    raw: str

    @property
    def is_reshaped(self) -> bool:
        """Whether it came in another shape."""
        return self.text != self.raw


@dataclass(frozen=True, slots=True)
class ShownCall:
    """A logged call with everything parsed and laid out that its page shows."""

    logged: LoggedRequest
    #: None: nothing was kept.
    request_headers: list[tuple[str, str]] | None
    request_body: ShownBody | None
    response_headers: list[tuple[str, str]] | None
    response_body: ShownBody | None
    segments: list[Segment]
    total_ms: str
    purpose: str


def shown_call(logged: LoggedRequest) -> ShownCall:
    """Return a call as its page shows it."""
    return ShownCall(
        logged=logged,
        request_headers=_headers(logged.request_headers),
        request_body=_body(logged.request_body),
        response_headers=_headers(logged.response_headers),
        response_body=_body(logged.response_body),
        # Of calls of the API the phases are unknown: a bar of one would say nothing.
        segments=timing_segments(logged, logged.duration_ms) if logged.is_outgoing else [],
        total_ms=shown_ms(logged.duration_ms),
        purpose=PURPOSES.get(logged.purpose or "", logged.purpose or ""),
    )


def _headers(stored: str | None) -> list[tuple[str, str]] | None:
    return [(str(name), str(value)) for name, value in orjson.loads(stored)] if stored else None


def _body(stored: str | None) -> ShownBody | None:
    return ShownBody(*pretty_json(stored), stored) if stored else None
