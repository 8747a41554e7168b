"""What a request leaves for the request log, and the row that is made of it later. Pure."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from app.audit import redaction

BODY_KEPT_MAX_BYTES = 8_192
_PATH_CHARS_MAX = 2_048


class Details(NamedTuple):
    """What is kept of a refused call only. `body` is None where nobody read it."""

    headers: list[tuple[str, str]]
    body: bytes | None
    is_body_cut: bool


class Call(NamedTuple):
    """A call of the API as its request leaves it: nothing is redacted yet. `answer`: the body of a refusal."""

    id: str
    ended_at_s: float
    team_id: str
    api_key_id: str | None
    api_key_name: str | None
    method: str
    path: str
    query: bytes
    route: str | None
    status: int
    duration_ms: float
    request_bytes: int
    response_bytes: int
    address: str | None
    user_agent: str | None
    request_id: str | None
    answer: bytes | None = None
    details: Details | None = None


def row_of(call: Call) -> dict[str, Any]:
    """Return the values of a row, every secret masked."""
    code, detail = _problem(call.answer)
    details = call.details
    return {
        "id": call.id,
        "team_id": call.team_id,
        "api_key_id": call.api_key_id,
        "api_key_name": call.api_key_name,
        "method": call.method[:8],
        "path": _path(call),
        "route": call.route[:200] if call.route else None,
        "status": call.status,
        "error_code": code,
        "error_detail": detail,
        "duration_ms": round(call.duration_ms, 2),
        "request_bytes": call.request_bytes,
        "response_bytes": call.response_bytes,
        "address": call.address,
        "user_agent": redaction.text(call.user_agent)[:300] if call.user_agent else None,
        "request_id": call.request_id,
        "request_headers": orjson.dumps(redaction.headers(details.headers)).decode() if details else None,
        "request_body": (
            redaction.body(details.body, is_cut=details.is_body_cut, size_max=BODY_KEPT_MAX_BYTES)
            if details and details.body
            else None
        ),
        "response_body": (
            redaction.body(call.answer, is_cut=False, size_max=BODY_KEPT_MAX_BYTES)
            if details and call.answer
            else None
        ),
        "created_at": datetime.fromtimestamp(call.ended_at_s - call.duration_ms / 1000, UTC),
    }


def _path(call: Call) -> str:
    path = call.path.replace("\x00", "\ufffd")
    if call.query:
        path = f"{path}?{call.query.decode(errors='replace')}"
    return redaction.address(path)[:_PATH_CHARS_MAX]


def _problem(answer: bytes | None) -> tuple[str | None, str | None]:
    """Return the code and the detail of a problem."""
    if not answer:
        return None, None
    try:
        problem = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None, None
    if not isinstance(problem, dict):
        return None, None
    code, detail = problem.get("code"), problem.get("detail")
    return (str(code)[:32] if code else None, redaction.text(str(detail))[:500] if detail else None)
