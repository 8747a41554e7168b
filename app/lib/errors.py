"""What can go wrong, as one tree. Each error knows its HTTP status and its stable code.

SignalboxError
├── AuthenticationFailed    401  AUTHENTICATION_FAILED
├── AuthorizationFailed     403  AUTHORIZATION_FAILED
├── Invalid                 422  VALIDATION_ERROR
│   ├── Malformed           400  VALIDATION_ERROR
│   └── TooLarge            413  VALIDATION_ERROR
├── NotFound                404  RESOURCE_NOT_FOUND
├── Conflict                409  CONFLICT
├── RateLimited             429  RATE_LIMIT_EXCEEDED
└── Unavailable             503  SERVICE_UNAVAILABLE
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: its name (dotted path for nested ones) and a sentence for a person."""

    field: str
    message: str


class SignalboxError(Exception):
    """Base of all expected errors. `detail` says to the caller what happened and what to do."""

    status = 500
    code = "INTERNAL_ERROR"
    title = "Something went wrong"

    def __init__(
        self, detail: str, *, errors: Sequence[FieldError] = (), retry_after_s: int | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s


class AuthenticationFailed(SignalboxError):
    status = 401
    code = "AUTHENTICATION_FAILED"
    title = "Who is calling?"


class AuthorizationFailed(SignalboxError):
    status = 403
    code = "AUTHORIZATION_FAILED"
    title = "Not allowed"


class Invalid(SignalboxError):
    status = 422
    code = "VALIDATION_ERROR"
    title = "Some values need a correction"

    @classmethod
    def field(cls, field: str, message: str) -> "Invalid":
        """Return the error for a single wrong field."""
        return cls(message, errors=[FieldError(field, message)])


class Malformed(Invalid):
    status = 400
    title = "The request cannot be read"


class TooLarge(Invalid):
    status = 413
    title = "The request is too large"


class NotFound(SignalboxError):
    status = 404
    code = "RESOURCE_NOT_FOUND"
    title = "Not found"


class Conflict(SignalboxError):
    status = 409
    code = "CONFLICT"
    title = "That conflicts with what is stored"


class RateLimited(SignalboxError):
    status = 429
    code = "RATE_LIMIT_EXCEEDED"
    title = "Too many requests"


class Unavailable(SignalboxError):
    status = 503
    code = "SERVICE_UNAVAILABLE"
    title = "Not available right now"
