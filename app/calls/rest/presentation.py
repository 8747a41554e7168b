"""Shapes endpoints and runs for templates."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from app.calls.rest.definition import Definition, Parameter
from app.calls.rest.forms import shown_value
from app.calls.rest.models import Endpoint
from app.calls.rest.services.reports import RunReport, Stop
from app.calls.rest.strategies import STRATEGIES
from app.extensions import current_settings
from app.lib.json_text import pretty_json
from app.lib.timing import Segment, shown_ms, timing_segments

#: So much of a body is shown on the page; the API returns all of it.
SHOWN_MAX_CHARS = 200_000
_TITLES = {
    Stop.COMPLETE: "It worked",
    Stop.PAGES_MAX: "It worked, and there is more",
    Stop.RECORDS_MAX: "It worked, and there is more",
    Stop.SIZE_MAX: "It worked, and there is more",
    Stop.SECONDS_MAX: "It worked, and there is more",
    Stop.LIMIT: "The integration's limit is used up",
    Stop.FAILED: "It failed",
    Stop.UNREADABLE: "The answer could not be read",
    Stop.OTHER_SERVER: "The next page is elsewhere",
    Stop.PAGINATION_STUCK: "The pages repeat themselves",
}


@dataclass(frozen=True, slots=True)
class Question:
    """A parameter with what was typed for it, and what is wrong with that."""

    parameter: Parameter
    text: str
    placeholder: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text as the page shows it: indented where it is JSON. `language` is json or text."""

    text: str
    language: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run as the page shows it."""

    report: RunReport
    title: str
    kind: str
    segments: list[Segment]
    total_ms: str | None
    pretty: ShownText
    raw: ShownText
    records: ShownText | None
    record_count: int | None


def shown_run(report: RunReport) -> ShownRun:
    """Return a run with everything laid out that the page shows of it."""
    records = report.records
    text = "" if records is None else orjson.dumps(records, option=orjson.OPT_INDENT_2).decode()
    kind = "danger" if not report.succeeded else "success" if report.is_complete else "warning"
    return ShownRun(
        report=report,
        title=_TITLES[report.stop],
        kind=kind,
        segments=timing_segments(report, report.total_ms),
        total_ms=None if report.total_ms is None else shown_ms(report.total_ms),
        pretty=_cut(*pretty_json(report.body.text)),
        raw=_cut(report.body.text, "text"),
        records=None if records is None else _cut(text, "json"),
        record_count=None if records is None else len(records),
    )


def questions(
    definition: Definition, sent: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> list[Question]:
    """Return the parameters with what was typed for them; before that, with their defaults."""
    return [
        Question(
            one,
            shown_value(one, one.default) if sent is None else sent.get(f"p_{one.name}", ""),
            _placeholder(one),
            (errors or {}).get(f"parameters.{one.name}", ""),
        )
        for one in definition.parameters
    ]


def strategy_label(strategy: str) -> str:
    """Return a strategy of pagination in words."""
    return STRATEGIES[strategy][0]


def curl_of_run(endpoint: Endpoint, definition: Definition) -> str:
    """Return how a program runs the endpoint."""
    examples = {"string": "text", "number": 1, "boolean": True, "json": {}}
    values = {
        one.name: examples[one.type] if one.default is None else one.default for one in definition.parameters
    }
    lines = [
        f"curl -X POST {current_settings().public_url}/api/v1/integrations/{endpoint.integration_id}/endpoints/{endpoint.id}/run",
        '-H "Authorization: Bearer $SIGNALBOX_API_KEY"',
        '-H "Content-Type: application/json"',
    ]
    if definition.method not in ("GET", "HEAD"):
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    lines.append(f"-d '{orjson.dumps({'parameters': values}).decode().replace(chr(39), '')}'")
    return " \\\n  ".join(lines) + "\n"


def _placeholder(parameter: Parameter) -> str:
    return {"number": "42", "json": '{"name": "value"}'}.get(parameter.type, "")


def _cut(text: str, language: str) -> ShownText:
    return ShownText(text[:SHOWN_MAX_CHARS], language, len(text) > SHOWN_MAX_CHARS)
