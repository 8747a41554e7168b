"""The expected errors, as one tree, and all that callers, schemas and the API's description say about them.

SignalboxError
├── AuthenticationFailed    401  AUTHENTICATION_FAILED
├── AuthorizationFailed     403  AUTHORIZATION_FAILED
├── Invalid                 422  VALIDATION_ERROR
│   ├── Malformed           400  VALIDATION_ERROR
│   ├── WrongMethod         405  VALIDATION_ERROR
│   ├── TooLarge            413  VALIDATION_ERROR
│   └── NotJson             415  VALIDATION_ERROR
├── NotFound                404  RESOURCE_NOT_FOUND
├── Conflict                409  CONFLICT
│   └── PreconditionFailed  412  CONFLICT
├── RateLimited             429  RATE_LIMIT_EXCEEDED
├── InternalError           500  INTERNAL_ERROR
└── Unavailable             503  SERVICE_UNAVAILABLE
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Code = Literal[
    "AUTHENTICATION_FAILED",
    "AUTHORIZATION_FAILED",
    "VALIDATION_ERROR",
    "RESOURCE_NOT_FOUND",
    "CONFLICT",
    "RATE_LIMIT_EXCEEDED",
    "SERVICE_UNAVAILABLE",
    "INTERNAL_ERROR",
]


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: its name (dotted path for nested ones) and a sentence for a person."""

    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorKind:
    """What all errors of one kind have in common."""

    status: int
    code: Code
    title: str
    #: What happened and what to do, for errors that Flask itself raised.
    detail: str = ""
    #: For the API's description: when operations answer with it (empty: none does), and the detail of an example.
    description: str = ""
    example: str = ""
    example_errors: tuple[FieldError, ...] = ()


class SignalboxError(Exception):
    """Base of all expected errors. `detail` says what happened and what to do."""

    kind: ClassVar[ErrorKind]
    #: What kind of problem it is, as RFC 9457 has it: an address.
    type: ClassVar[str] = "about:blank"

    def __init__(
        self, detail: str, *, errors: Sequence[FieldError] = (), retry_after_s: int | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.kind.status

    @property
    def title(self) -> str:
        """What kind of error it is, for people."""
        return self.kind.title


class AuthenticationFailed(SignalboxError):
    kind = ErrorKind(
        status=401,
        code="AUTHENTICATION_FAILED",
        title="Who is calling?",
        description="No API key was sent, or it is unknown, revoked or expired.",
        example="Send an API key: 'Authorization: Bearer sb_live_…' or 'X-API-Key: sb_live_…'.",
    )


class AuthorizationFailed(SignalboxError):
    kind = ErrorKind(
        status=403,
        code="AUTHORIZATION_FAILED",
        title="Not allowed",
        description="The API key lacks the scope that this needs, or must not be used from this address.",
        example="This API key lacks the scope webhooks:manage. Use a key that has it.",
    )


class Invalid(SignalboxError):
    kind = ErrorKind(
        status=422,
        code="VALIDATION_ERROR",
        title="Some values need a correction",
        description="Some values need a correction; `errors` says which. Or the `Idempotency-Key` belongs to another"
        " request.",
        example="Correct the fields listed under errors.",
        example_errors=(FieldError("name", "Give it a name of 1 to 100 characters."),),
    )

    @classmethod
    def field(cls, field: str, message: str) -> "Invalid":
        """Return the error for a single wrong field."""
        return cls(message, errors=[FieldError(field, message)])


class Malformed(Invalid):
    kind = ErrorKind(
        status=400,
        code="VALIDATION_ERROR",
        title="The request cannot be read",
        description="The body is not JSON, or a header cannot be read.",
        example="The body is not valid JSON: unexpected character at line 1, column 9.",
    )


class WrongMethod(Invalid):
    kind = ErrorKind(
        status=405,
        code="VALIDATION_ERROR",
        title="Method not allowed",
        detail="This address does not take that method.",
    )


class TooLarge(Invalid):
    kind = ErrorKind(
        status=413,
        code="VALIDATION_ERROR",
        title="The request is too large",
        detail="The request is larger than this address takes.",
        description="The body is too large.",
    )


class NotJson(Invalid):
    kind = ErrorKind(
        status=415,
        code="VALIDATION_ERROR",
        title="The body is not JSON",
        description="The body is not declared as JSON.",
        example="Send the body as JSON with the header 'Content-Type: application/json'.",
    )


class NotFound(SignalboxError):
    kind = ErrorKind(
        status=404,
        code="RESOURCE_NOT_FOUND",
        title="Not found",
        detail="There is nothing at this address.",
        description="There is no such object in the API key's team.",
        example="There is no such webhook in this team. It may have been deleted.",
    )


class Conflict(SignalboxError):
    kind = ErrorKind(
        status=409,
        code="CONFLICT",
        title="That conflicts with what is stored",
        description="It conflicts with what is stored, or the first request under this `Idempotency-Key` is still"
        " running.",
        example="The webhook is paused, so nothing is sent to it. Resume it, then send the test.",
    )


class PreconditionFailed(Conflict):
    kind = ErrorKind(
        status=412,
        code="CONFLICT",
        title="It was changed meanwhile",
        description="The object is not in the state that `If-Match` names.",
        example="The webhook was changed meanwhile. Get it again, and decide what to send.",
    )


class RateLimited(SignalboxError):
    kind = ErrorKind(
        status=429,
        code="RATE_LIMIT_EXCEEDED",
        title="Too many requests",
        detail="Too many requests. Wait a moment, then try again.",
        description="A limit is used up. `Retry-After` says when it is worth another try.",
    )


class InternalError(SignalboxError):
    kind = ErrorKind(
        status=500,
        code="INTERNAL_ERROR",
        title="Something went wrong",
        detail="Signalbox made a mistake. It is logged under the request id below.",
        description="A mistake of Signalbox.",
    )


class Unavailable(SignalboxError):
    kind = ErrorKind(
        status=503,
        code="SERVICE_UNAVAILABLE",
        title="Not available right now",
        description="Something that Signalbox needs does not answer. Nothing was done.",
        example="The database does not answer, so nothing was stored. Try again in a moment.",
    )


#: Every error by its status.
ERRORS: dict[int, type[SignalboxError]] = {
    error.kind.status: error
    for error in (
        Malformed,
        AuthenticationFailed,
        AuthorizationFailed,
        NotFound,
        WrongMethod,
        Conflict,
        PreconditionFailed,
        TooLarge,
        NotJson,
        Invalid,
        RateLimited,
        InternalError,
        Unavailable,
    )
}
