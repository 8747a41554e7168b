"""What a client may take: time, and bytes."""

from dataclasses import dataclass

from app.config import Settings

#: A request head longer than this is refused with 431; browsers and proxies stop at 8 to 16 KiB.
HEAD_MAX_BYTES = 32_768
HEADERS_MAX = 100
#: What surrounds the content of chunks (sizes, extensions, trailers) may have as many bytes as a head, and so many more
#: for each byte of content. A chunk of one byte takes five.
CHUNK_FRAMING_PER_BYTE_MAX = 16
#: Below this a sender of a body is too slow, once its first seconds are over: 4 kbit/s.
BODY_RATE_MIN_BYTES_PER_S = 500
#: A client that is refused in the middle of its body has this long to read the answer.
LINGER_S = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The deadlines of one connection in seconds, and how many connections one process keeps."""

    connections_max: int
    head_timeout_s: float
    body_timeout_s: float
    response_timeout_s: float
    keep_alive_timeout_s: float


def limits_of(settings: Settings) -> Limits:
    """Return the limits that the operator chose."""
    return Limits(
        connections_max=settings.web_connections_max,
        head_timeout_s=settings.request_head_timeout_s,
        body_timeout_s=settings.request_body_timeout_s,
        response_timeout_s=settings.response_timeout_s,
        keep_alive_timeout_s=settings.keep_alive_timeout_s,
    )
