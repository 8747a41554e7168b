"""A call as its request leaves it for the request log, and the row that is made of it later. Pure."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from app.lib import redact
from app.lib.redact import MASK
from app.request_log import redaction
from app.web.secret_fields import RequestSecrets

BODY_KEPT_MAX_BYTES = 8_192
PATH_CHARS_MAX = 2_048
USER_AGENT_CHARS_MAX = 300
HEADERS_MAX = 64
HEADER_CHARS_MAX = 1_024
#: Of a larger refusal only the status is kept.
_ANSWER_READ_MAX_BYTES = 65_536
_BYTES_MAX = 2**31 - 1
_NO_SECRETS = RequestSecrets()


class Details(NamedTuple):
    """What is kept of a refused call only, each body cut already. `body` is None where nobody read it."""

    headers: list[tuple[str, str]]
    body: bytes | None
    is_body_cut: bool
    answer: bytes | None
    is_answer_cut: bool

    @property
    def size_bytes(self) -> int:
        """What this makes the log read, bodies and headers together."""
        headers_bytes = sum(len(name) + len(content) for name, content in self.headers)
        return headers_bytes + len(self.body or b"") + len(self.answer or b"")


class Call(NamedTuple):
    """A call of the API as its request leaves it: nothing is redacted yet, but everything is cut to what is kept."""

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
    error_code: str | None = None
    error_detail: str | None = None
    details: Details | None = None
    secrets: RequestSecrets = _NO_SECRETS


class Refusal(NamedTuple):
    """What the body of a refusal says. `answer` is that body without what it repeats of secret fields."""

    code: str | None
    detail: str | None
    answer: bytes | None


def read_refusal(answer: bytes, secrets: RequestSecrets) -> Refusal:
    """Return what a refusal says; nothing of one that is no problem (RFC 9457) or too large to read."""
    unread = Refusal(None, None, None if secrets.has_any else answer)
    if not answer or len(answer) > _ANSWER_READ_MAX_BYTES:
        return unread
    try:
        problem = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return unread
    if not isinstance(problem, dict):
        return unread
    if secrets.has_any and _mask_errors(problem, secrets):
        answer = orjson.dumps(problem)
    code, detail = problem.get("code"), problem.get("detail")
    return Refusal(str(code)[:32] if code else None, str(detail)[:500] if detail else None, answer)


def row_of(call: Call) -> dict[str, Any]:
    """Return the values of a row, every secret masked."""
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
        "error_code": call.error_code,
        "error_detail": redact.own_secrets(call.error_detail)[:500] if call.error_detail else None,
        "duration_ms": round(call.duration_ms, 2),
        # What a refused call announces can be more than the column holds.
        "request_bytes": min(call.request_bytes, _BYTES_MAX),
        "response_bytes": call.response_bytes,
        "address": call.address,
        "user_agent": redact.own_secrets(call.user_agent)[:USER_AGENT_CHARS_MAX] if call.user_agent else None,
        "request_id": call.request_id,
        "request_headers": orjson.dumps(redaction.headers(details.headers)).decode() if details else None,
        "request_body": (
            redaction.body(
                details.body, is_cut=details.is_body_cut, size_max=BODY_KEPT_MAX_BYTES, secrets=call.secrets
            )
            if details and details.body
            else None
        ),
        "response_body": (
            redaction.body(details.answer, is_cut=details.is_answer_cut, size_max=BODY_KEPT_MAX_BYTES)
            if details and details.answer
            else None
        ),
        "created_at": datetime.fromtimestamp(call.ended_at_s - call.duration_ms / 1000, UTC),
    }


def _path(call: Call) -> str:
    path = call.path.replace("\x00", "\ufffd")
    if call.query:
        path = f"{path}?{call.query.decode(errors='replace')}"
    # Cut before it is read, and again because masks can be longer than what they hide.
    return redact.url(path[:PATH_CHARS_MAX], secret_names=call.secrets.query)[:PATH_CHARS_MAX]


def _mask_errors(problem: dict[str, Any], secrets: RequestSecrets) -> bool:
    """Mask what the errors of secret fields say, which may be what was sent; returns whether there are such."""
    errors = problem.get("errors")
    found = False
    for error in errors if isinstance(errors, list) else ():
        names = str(error.get("field", "")).split(".")
        place = next((place for place, name in enumerate(names) if secrets.is_secret_field(name)), None)
        if place is None:
            continue
        found = True
        problem["detail"] = str(problem.get("detail", "")).replace(str(error.get("message")), MASK)
        # What follows is the name of something within the field.
        error["field"] = ".".join([*names[: place + 1], *([MASK] if names[place + 1 :] else [])])
        error["message"] = MASK
    return found
