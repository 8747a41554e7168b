"""What receivers of the demo team answered. Pure."""

import random
from dataclasses import dataclass

from app.demo.scenery import Scene


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one attempt; durations are those of each phase."""

    status_code: int | None
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    error_kind: str | None = None
    error_detail: str | None = None
    is_truncated: bool = False
    dns_ms: float | None = 0.0
    connect_ms: float | None = 0.0
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    total_ms: float = 0.0


_JSON = ("content-type", "application/json")
_PROXY_PAGE = (
    "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad Gateway</h1></center>\n"
    "<hr><center>nginx/1.26.2</center>\n</body>\n</html>\n"
)


def ok(scene: Scene, rng: random.Random) -> Answer:
    """Return a success in the receiver's usual time; every few attempts open a new connection."""
    wait_ms = scene.usual_ms * rng.lognormvariate(0, 0.35)
    body = f'{{"ok":true,"received":"{rng.randrange(16**12):012x}"}}'
    is_new = rng.random() < 0.2
    dns_ms = round(rng.uniform(1, 9), 3) if is_new and not scene.is_local else 0.0
    connect_ms = round(rng.uniform(0.1, scene.usual_ms / 4), 3) if is_new else 0.0
    tls_ms = None if scene.is_local else round(rng.uniform(10, scene.usual_ms / 2), 3) if is_new else 0.0
    rest_ms = rng.uniform(0.05, 1.5)
    total_ms = dns_ms + connect_ms + (tls_ms or 0) + wait_ms + rest_ms
    return Answer(
        200,
        body,
        (_JSON, ("server", "nginx"), ("content-length", str(len(body)))),
        dns_ms=dns_ms,
        connect_ms=connect_ms,
        tls_ms=tls_ms,
        first_byte_ms=round(wait_ms, 3),
        total_ms=round(total_ms, 3),
    )


def some_failure(scene: Scene, rng: random.Random) -> Answer:
    """Return one of the ways in which a receiver that is being deployed fails."""
    return rng.choice((_server_error, _bad_gateway, _reset, _too_many))(scene)


def unavailable(scene: Scene) -> Answer:
    """Return 503, as the demo receiver answers it too."""
    body = '{"ok": false, "error": "maintenance", "detail": "The ticket database is being moved. Back at 18:00."}'
    return Answer(
        503,
        body,
        (_JSON, ("retry-after", "20"), ("content-length", str(len(body)))),
        "http_5xx",
        first_byte_ms=scene.usual_ms,
        total_ms=scene.usual_ms + 0.4,
    )


def gone() -> Answer:
    """Return 410: the address is gone for good."""
    body = '{"status":"error","message":"This Zap was turned off and its hook removed."}'
    return Answer(
        410,
        body,
        (_JSON, ("server", "cloudflare")),
        "gone_410",
        dns_ms=3.2,
        connect_ms=18.9,
        tls_ms=31.4,
        first_byte_ms=96.3,
        total_ms=150.6,
    )


def timeout(scene: Scene) -> Answer:
    """Return a receiver that took the request and never answered."""
    return Answer(
        None,
        error_kind="timeout_first_byte",
        error_detail="The connection was established, but no answer arrived in time.",
        dns_ms=4.1,
        connect_ms=21.7,
        tls_ms=None if scene.is_local else 34.5,
        total_ms=scene.timeout_s * 1000.0,
    )


def _server_error(scene: Scene) -> Answer:
    body = '{"error":"internal","trace":"contact.upsert: deadlock detected, giving up after 3 tries"}'
    return Answer(
        500, body, (_JSON,), "http_5xx", first_byte_ms=scene.usual_ms * 3, total_ms=scene.usual_ms * 3 + 0.6
    )


def _bad_gateway(scene: Scene) -> Answer:
    headers = (("content-type", "text/html"), ("server", "nginx/1.26.2"))
    return Answer(
        502,
        _PROXY_PAGE,
        headers,
        "http_5xx",
        connect_ms=0.3,
        first_byte_ms=2.8,
        total_ms=3.4,
    )


def _too_many(scene: Scene) -> Answer:
    body = '{"error":"rate_limited","limit":"100 per minute"}'
    return Answer(
        429, body, (_JSON, ("retry-after", "15")), "http_4xx", first_byte_ms=5.2, total_ms=scene.usual_ms
    )


def _reset(scene: Scene) -> Answer:
    return Answer(
        None,
        error_kind="reset",
        error_detail="The connection was closed before an answer arrived.",
        connect_ms=0.2,
        total_ms=scene.usual_ms / 2,
    )
