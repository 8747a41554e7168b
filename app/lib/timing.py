"""Where the time of an HTTP request went: its phases as segments of a bar. Pure."""

from dataclasses import dataclass
from typing import Protocol


class Phases(Protocol):
    """Durations of a request's phases in milliseconds; None for a phase that was not reached."""

    @property
    def dns_ms(self) -> float | None: ...
    @property
    def connect_ms(self) -> float | None: ...
    @property
    def tls_ms(self) -> float | None: ...
    @property
    def first_byte_ms(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Segment:
    """A phase of a request: its duration for people, and its place in the bar in percent."""

    label: str
    css: str
    ms: str
    offset_percent: float
    width_percent: float


def timing_segments(phases: Phases, total_ms: float | None) -> list[Segment]:
    """Return the phases that the request reached, in their order, filling the bar together."""
    known = (
        ("DNS", "dns", phases.dns_ms),
        ("Connect", "connect", phases.connect_ms),
        ("TLS", "tls", phases.tls_ms),
        ("First byte", "wait", phases.first_byte_ms),
    )
    reached = [(label, css, ms) for label, css, ms in known if ms is not None]
    spent_ms = sum(ms for _, _, ms in reached)
    rest_ms = max(0.0, (total_ms or 0.0) - spent_ms)
    reached.append(("Rest", "body", rest_ms))
    whole_ms = spent_ms + rest_ms
    if not whole_ms:
        return []
    segments, offset = [], 0.0
    for label, css, ms in reached:
        width = 100 * ms / whole_ms
        segments.append(Segment(label, css, shown_ms(ms), round(offset, 2), round(width, 2)))
        offset += width
    return segments


def shown_ms(ms: float) -> str:
    """Return milliseconds for people: two digits below 10, whole ones above."""
    return f"{ms:.1f}" if ms < 10 else f"{ms:,.0f}"
