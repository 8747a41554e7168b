"""What was called through the demo team's integrations: a month of counts, and the latest calls in the request log."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.orm import Session

from app.integrations.models import CallCount, Integration
from app.integrations.rules import BUCKETS, latency_bucket
from app.lib import clock
from app.lib.ids import lowest_id_at
from app.lib.redact import MASK
from app.request_log.models import LoggedRequest

_DAYS = 30
_LATEST = 25


@dataclass(frozen=True, slots=True)
class DemoCalls:
    """What is called at one provider: how often in a busy hour, how long it usually takes, and the latest calls."""

    per_hour: int
    usual_ms: float
    host: str
    requests: tuple[tuple[str, str, int], ...]


_CALLS: Mapping[str, DemoCalls] = {
    "slack": DemoCalls(18, 140, "slack.com", (("POST", "/api/chat.postMessage", 200),)),
    "github": DemoCalls(
        9, 260, "api.github.com",
        (("POST", "/repos/acme/support/issues", 201), ("GET", "/repos/acme/support/issues?state=open", 200)),
    ),
    "salesforce": DemoCalls(
        40, 420, "acme.my.salesforce.com", (("GET", "/services/data/v66.0/query?q=SELECT+Id+FROM+Account", 200),)
    ),
}  # fmt: skip


def add_calls(session: Session, integrations: list[Integration]) -> None:
    """Add the calls through these integrations to the caller's transaction."""
    drawn = random.Random(7)  # noqa: S311 - invented figures
    for one in integrations:
        calls = _CALLS.get(one.provider)
        if calls is not None:
            session.add_all(_counts(one, calls, drawn))
            session.add_all(_latest(one, calls, drawn))


def _counts(one: Integration, calls: DemoCalls, drawn: random.Random) -> Iterator[CallCount]:
    now = clock.now().replace(minute=0, second=0, microsecond=0)
    for back in range(_DAYS * 24):
        hour = now - timedelta(hours=back)
        is_day = 7 <= hour.hour < 19 and hour.weekday() < 5
        count = drawn.randint(0, calls.per_hour if is_day else calls.per_hour // 5)
        if not count:
            continue
        buckets = dict.fromkeys(BUCKETS, 0)
        for _ in range(count):
            buckets[BUCKETS[latency_bucket(_duration_ms(calls, drawn))]] += 1
        is_failing = one.failing_since is not None and hour >= one.failing_since - timedelta(hours=1)
        failures = count if is_failing else sum(drawn.random() < 0.01 for _ in range(count))
        yield CallCount(
            integration_id=one.id, team_id=one.team_id, hour=hour, calls=count, failures=failures, **buckets
        )


def _latest(one: Integration, calls: DemoCalls, drawn: random.Random) -> Iterator[LoggedRequest]:
    at = clock.now()
    for number in range(_LATEST):
        at -= timedelta(seconds=drawn.randint(60, 900))
        method, path, status = drawn.choice(calls.requests)
        is_failing = one.failing_since is not None and at >= one.failing_since
        yield LoggedRequest(
            **_row(one, calls, drawn, at, number, method, path, 401 if is_failing else status)
        )


def _row(
    one: Integration,
    calls: DemoCalls,
    drawn: random.Random,
    at: datetime,
    number: int,
    method: str,
    path: str,
    status: int,
) -> dict[str, Any]:
    whole_ms, is_refused = _duration_ms(calls, drawn), status == 401
    body = '{"message":"Bad credentials"}' if is_refused else '{"ok":true}'
    sent = '{"text":"The webhook Order desk was disabled."}' if method == "POST" else None
    return {
        "id": f"{lowest_id_at('req', at)[:-4]}{number:04d}",
        "team_id": one.team_id,
        "direction": "out",
        "integration_id": one.id,
        "integration_name": one.name,
        "purpose": "rest",
        "method": method,
        "scheme": "https",
        "host": calls.host,
        "path": path,
        "status": status,
        "error_code": "http_401" if is_refused else None,
        "error_detail": "The service refused the credentials: it answered 401." if is_refused else None,
        "duration_ms": whole_ms,
        "dns_ms": 0.0 if number % 4 else whole_ms * 0.05,
        "connect_ms": 0.0 if number % 4 else whole_ms * 0.1,
        "tls_ms": 0.0 if number % 4 else whole_ms * 0.2,
        "first_byte_ms": whole_ms * 0.6,
        "request_bytes": len(sent or ""),
        "response_bytes": len(body),
        "address": "192.0.2.40",
        "request_headers": orjson.dumps([("Authorization", MASK), ("Accept", "application/json")]).decode(),
        "request_body": sent,
        "response_headers": orjson.dumps([("Content-Type", "application/json; charset=utf-8")]).decode(),
        "response_body": body,
        "created_at": at,
    }


def _duration_ms(calls: DemoCalls, drawn: random.Random) -> float:
    return round(calls.usual_ms * drawn.lognormvariate(0, 0.5), 1)
