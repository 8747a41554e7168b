"""What became of a run: its answers, read and masked."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from app.calls.masking import masked_value
from app.calls.rest.json_values import NotReadable, read_json
from app.lib import redact
from app.lib.outbound import Result
from app.web.limits import LimitStatus


class Stop(StrEnum):
    """Why no further page was asked for."""

    COMPLETE = "COMPLETE"
    PAGES_MAX = "PAGES_MAX"
    RECORDS_MAX = "RECORDS_MAX"
    SIZE_MAX = "SIZE_MAX"
    SECONDS_MAX = "SECONDS_MAX"
    LIMIT = "LIMIT"
    FAILED = "FAILED"
    UNREADABLE = "UNREADABLE"
    OTHER_SERVER = "OTHER_SERVER"
    PAGINATION_STUCK = "PAGINATION_STUCK"


#: A run that stopped so can go on, with the page that was not read.
RESUMABLE = frozenset(
    {Stop.PAGES_MAX, Stop.RECORDS_MAX, Stop.SIZE_MAX, Stop.SECONDS_MAX, Stop.LIMIT, Stop.FAILED}
)
FAILURES = frozenset({Stop.FAILED, Stop.UNREADABLE, Stop.OTHER_SERVER, Stop.PAGINATION_STUCK})


class Stopped(Exception):
    """A run goes no further; says why, in a word and in a sentence."""

    def __init__(self, stop: Stop, words: str) -> None:
        super().__init__(words)
        self.stop, self.words = stop, words


@dataclass(frozen=True, slots=True)
class Body:
    """The body of an answer, its secrets masked: a value of JSON, or a text. `note`: what there is to know about it."""

    is_json: bool = False
    value: Any = field(default=None, repr=False)
    text: str = field(default="", repr=False)
    note: str = ""
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReport:
    """One call of a run. `record_count` None: its answer has no list of records."""

    status_code: int | None
    total_ms: float | None
    size_bytes: int
    record_count: int | None
    tries: int
    log_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What became of a run. What describes one answer describes the last one; secrets are masked everywhere."""

    succeeded: bool
    stop: Stop
    #: What happened, and what to do where that is known.
    words: str
    method: str
    url: str
    curl: str
    status_code: int | None
    error_kind: str | None
    started_at: datetime
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    total_ms: float | None
    headers: list[tuple[str, str]]
    body: Body
    #: Of all pages together; None: the endpoint does not say where they are, or the answer has none.
    records: list[Any] | None
    pages: list[PageReport]
    #: Continues the run, given back with the same parameters; None: there is nothing more.
    resume: str | None
    limits: tuple[LimitStatus, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left to be asked for."""
        return self.stop is Stop.COMPLETE


def read_body(result: Result) -> Body:
    """Return the body of an answer as it came: its secrets are not masked yet."""
    content = result.body
    encoding = next(
        (value for name, value in result.headers if name.lower() == "content-encoding"), "identity"
    )
    if not content:
        return Body()
    if encoding.strip().lower() not in {"", "identity"}:
        return Body(
            note=f"It came encoded as {encoding[:40]}, which was not asked for, so it cannot be shown."
        )
    text = content.decode(errors="replace")
    if result.body_truncated:
        return Body(text=text, note="It is larger than 5 MiB: the rest was not read.", is_cut=True)
    try:
        return Body(is_json=True, value=read_json(content), text=text)
    except NotReadable as error:
        return Body(text=text, note=f"It is shown as text: {error}." if _says_json(result) else "")


def masked_body(body: Body, secrets: tuple[str, ...]) -> Body:
    """Return a body with every secret in it masked."""
    text = redact.text(body.text, secret_values=secrets, is_cut=body.is_cut)
    if not body.is_json:
        return Body(text=text, note=body.note, is_cut=body.is_cut)
    value = masked_value(body.value, secrets)
    if value is not body.value:
        # JSON can spell a secret so that no form of it stands in the text.
        text = orjson.dumps(value).decode()
    return Body(is_json=True, value=value, text=text, note=body.note)


def _says_json(result: Result) -> bool:
    kind = next((value for name, value in result.headers if name.lower() == "content-type"), "")
    return "json" in kind.lower()
