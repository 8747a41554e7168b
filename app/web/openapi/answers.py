"""What every operation of the API can answer beside its success: problems, and the headers of all answers."""

from dataclasses import dataclass
from typing import Any

PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error status as every operation answers it."""

    status: int
    name: str
    code: str
    title: str
    detail: str
    description: str
    errors: tuple[tuple[str, str], ...] = ()

    def as_response(self) -> dict[str, Any]:
        """Return the response object for `components.responses`."""
        example: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": "req_01k9zq4w6v3m8t7c5x2b9d0r1s",
        }
        if self.errors:
            example["errors"] = [{"field": field, "message": message} for field, message in self.errors]
        schema = {"$ref": "#/components/schemas/Problem"}
        headers = headers_of(self.status)
        return {
            "description": self.description,
            "headers": headers,
            "content": {PROBLEM_TYPE: {"schema": schema, "example": example}},
        }


REFUSALS: dict[int, Refusal] = {
    refusal.status: refusal
    for refusal in (
        Refusal(
            400,
            "Malformed",
            "VALIDATION_ERROR",
            "The request cannot be read",
            "The body is not valid JSON: unexpected character at line 1, column 9.",
            "The body is not JSON, or a header cannot be read.",
        ),
        Refusal(
            401,
            "AuthenticationFailed",
            "AUTHENTICATION_FAILED",
            "Who is calling?",
            "Send an API key: 'Authorization: Bearer sb_live_…' or 'X-API-Key: sb_live_…'.",
            "No API key was sent, or it is unknown, revoked or expired.",
        ),
        Refusal(
            403,
            "AuthorizationFailed",
            "AUTHORIZATION_FAILED",
            "Not allowed",
            "This API key lacks the scope webhooks:manage. Use a key that has it.",
            "The API key lacks the scope that this needs, or must not be used from this address.",
        ),
        Refusal(
            404,
            "NotFound",
            "RESOURCE_NOT_FOUND",
            "Not found",
            "There is no such webhook in this team. It may have been deleted.",
            "There is no such object in the API key's team.",
        ),
        Refusal(
            409,
            "Conflict",
            "CONFLICT",
            "That conflicts with what is stored",
            "The webhook is paused, so nothing is sent to it. Resume it, then send the test.",
            "It conflicts with what is stored, or the first request under this `Idempotency-Key` is still running.",
        ),
        Refusal(
            413,
            "TooLarge",
            "VALIDATION_ERROR",
            "The request is too large",
            "The request is larger than this address takes.",
            "The body is too large.",
        ),
        Refusal(
            415,
            "NotJson",
            "VALIDATION_ERROR",
            "The body is not JSON",
            "Send the body as JSON with the header 'Content-Type: application/json'.",
            "The body is not declared as JSON.",
        ),
        Refusal(
            422,
            "Invalid",
            "VALIDATION_ERROR",
            "Some values need a correction",
            "Correct the fields listed under errors.",
            "Some values need a correction; `errors` says which. Or the `Idempotency-Key` belongs to another request.",
            (("name", "Give it a name of 1 to 100 characters."),),
        ),
        Refusal(
            429,
            "RateLimited",
            "RATE_LIMIT_EXCEEDED",
            "Too many requests",
            "Too many requests. Wait a moment, then try again.",
            "A limit is used up. `Retry-After` says when it is worth another try.",
        ),
        Refusal(
            500,
            "InternalError",
            "INTERNAL_ERROR",
            "Something went wrong",
            "Signalbox made a mistake. It is logged under the request id below.",
            "A mistake of Signalbox.",
        ),
        Refusal(
            503,
            "Unavailable",
            "SERVICE_UNAVAILABLE",
            "Not available right now",
            "The database does not answer, so nothing was stored. Try again in a moment.",
            "Something that Signalbox needs does not answer. Nothing was done.",
        ),
    )
}

_TEXT, _NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Names this request in the logs and in the request log. Yours, when you sent one of 8 to 64"
        " letters, digits, dots, hyphens and underscores.",
        "schema": _TEXT,
        "example": "req_01k9zq4w6v3m8t7c5x2b9d0r1s",
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
