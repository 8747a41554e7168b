"""What every operation of the API can answer beside its success: problems, and the headers of all answers."""

from typing import Any

import orjson

from app.lib.errors import ERRORS, ErrorKind
from app.web.schemas import PROBLEM_TYPE, FieldProblem, Problem

_REQUEST_ID = "req_01k9zq4w6v3m8t7c5x2b9d0r1s"
#: The name that an error has in `components.responses`, by its status.
REFUSALS: dict[int, str] = {
    status: error.__name__ for status, error in ERRORS.items() if error.kind.description
}


def refusal_response(kind: ErrorKind) -> dict[str, Any]:
    """Return the response object of an error for `components.responses`."""
    errors = [FieldProblem(field=one.field, message=one.message) for one in kind.example_errors]
    example = Problem(
        title=kind.title,
        status=kind.status,
        detail=kind.example or kind.detail,
        code=kind.code,
        request_id=_REQUEST_ID,
        errors=errors or None,
    )
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": orjson.loads(example.as_json())}
    return {
        "description": kind.description,
        "headers": headers_of(kind.status),
        "content": {PROBLEM_TYPE: content},
    }


_TEXT, _NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Names this request in the logs and in the request log. Yours, when you sent one of 8 to 64"
        " letters, digits, dots, hyphens and underscores.",
        "schema": _TEXT,
        "example": _REQUEST_ID,
    },
    "X-RateLimit-Limit": {
        "description": "Requests that the tightest limit allows in its window.",
        "schema": _NUMBER,
        "example": 1000,
    },
    "X-RateLimit-Remaining": {"description": "Requests left of it.", "schema": _NUMBER, "example": 997},
    "X-RateLimit-Reset": {
        "description": "When its window ends, in seconds since 1970.",
        "schema": _NUMBER,
        "example": 1773304204,
    },
    "RateLimit": {
        "description": "What is left of each limit, and for how many seconds"
        " (draft-ietf-httpapi-ratelimit-headers).",
        "schema": _TEXT,
        "example": '"hour";r=997;t=2916',
    },
    "RateLimit-Policy": {
        "description": "The limits: requests in a window of so many seconds.",
        "schema": _TEXT,
        "example": '"hour";q=1000;w=3600',
    },
    "Retry-After": {"description": "Seconds to wait before another try.", "schema": _NUMBER, "example": 30},
    "ETag": {
        "description": "The version of what can be changed of it. Send it as `If-Match` to change or delete just that.",
        "schema": _TEXT,
        "example": '"9f2c41d07ab35e68c1d4f0a7b2e8935d"',
    },
    "Idempotency-Replayed": {
        "description": "`true`: nothing was done, this is the answer to the first request under the key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
_LIMIT_HEADERS = (
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "RateLimit",
    "RateLimit-Policy",
)


def headers_of(status: int, *, is_replayable: bool = False) -> dict[str, Any]:
    """Return the headers of an answer, as references into `components.headers`."""
    names = ["X-Request-Id", *_LIMIT_HEADERS]
    if status in (409, 429, 503):
        names.append("Retry-After")
    if is_replayable:
        names.append("Idempotency-Replayed")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
