"""A call to a service, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.lib.outbound import Result
from app.web.limits import LimitStatus

#: Connect, answer and all repetitions.
TIMEOUT_S = 30.0
BODY_MAX_BYTES = 5 * 1024 * 1024

Purpose = Literal["test", "rest", "graphql", "message"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingCall:
    """A request to an integration's service, without its credentials. `source_id`: the definition it was made from."""

    url: str
    purpose: Purpose
    method: str = "GET"
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = field(default=b"", repr=False)
    source_id: str | None = None
    #: What its definition marks as secret: masked in the request log, the names as fields of bodies and queries.
    secret_values: Sequence[str] = field(default=(), repr=False)
    secret_names: frozenset[str] = frozenset()
    timeout_s: float = TIMEOUT_S
    max_body_bytes: int = BODY_MAX_BYTES


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What became of a call: the transfer's result, the request as it was sent, its limits, and its entry in the log.

    `request_headers` hold the credentials: mask them (`access.secret_values`, and `token`) before they are shown.
    """

    result: Result
    url: str = field(repr=False)
    request_headers: tuple[tuple[str, str], ...] = field(repr=False)
    limits: tuple[LimitStatus, ...]
    #: How many requests were sent.
    tries: int
    #: The access token that was used; empty where there is none.
    token: str = field(default="", repr=False)
    log_id: str | None = None
