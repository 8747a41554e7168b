"""Shapes schemas and runs for templates. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.calls.graphql.models import Operation, SchemaVersion
from app.calls.graphql.rules import RunState, Severity
from app.calls.graphql.services.running import RunReport
from app.lib.json_text import pretty_json
from app.web.limits import LimitStatus

#: So much of an answer is shown on a page.
SHOWN_MAX_CHARS = 200_000
_TONES = {RunState.SUCCEEDED: "success", RunState.PARTIAL: "warning", RunState.FAILED: "danger"}
_TITLES = {
    RunState.SUCCEEDED: "Succeeded",
    RunState.PARTIAL: "Partly succeeded",
    RunState.FAILED: "Failed",
}
_SEVERITIES = (
    (Severity.BREAKING, "Breaking", "Who uses what was changed gets errors.", "red"),
    (Severity.DANGEROUS, "Dangerous", "Nothing becomes invalid, but answers may surprise.", "orange"),
    (Severity.SAFE, "Safe", "Nobody notices who does not look for it.", "green"),
)


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """The changes of one severity; `left_out` are counted only."""

    label: str
    note: str
    tone: str
    count: int
    changes: Sequence[Mapping[str, str]]

    @property
    def left_out(self) -> int:
        """How many of them are not listed."""
        return self.count - len(self.changes)


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run for its page."""

    tone: str
    title: str
    body: str
    #: The same as it arrived.
    raw: str
    language: str
    is_cut: bool
    phases: Sequence[tuple[str, str]]
    limits: Sequence[str]


def change_groups(version: SchemaVersion) -> list[ChangeGroup]:
    """Return the changes of a version by severity, the worst first; severities without any are left out."""
    counts = {
        Severity.BREAKING: version.breaking,
        Severity.DANGEROUS: version.dangerous,
        Severity.SAFE: version.safe,
    }
    return [
        ChangeGroup(label, note, tone, counts[severity], version.changes.get(severity, []))
        for severity, label, note, tone in _SEVERITIES
        if counts[severity]
    ]


def impact_words(version: SchemaVersion) -> str:
    """Return what a schema does to saved operations: "It breaks 2 of your 14 saved operations."."""
    if version.operation_count == 0:
        return "There are no saved operations that it could break."
    of_all = (
        "your saved operation"
        if version.operation_count == 1
        else f"your {version.operation_count} saved operations"
    )
    if not version.broken:
        return f"It breaks none of {of_all}."
    return f"It breaks {len(version.broken)} of {of_all}."


def shown_run(report: RunReport) -> ShownRun:
    """Return a run as its page shows it."""
    text, language = pretty_json(report.body[:SHOWN_MAX_CHARS])
    result = report.result
    phases = (
        ("Name resolution", result.dns_ms),
        ("Connection", result.connect_ms),
        ("TLS", result.tls_ms),
        ("Until the first byte", result.first_byte_ms),
        ("Total", result.total_ms),
    )
    return ShownRun(
        _TONES[report.state],
        _TITLES[report.state],
        text,
        report.body[:SHOWN_MAX_CHARS],
        language,
        report.is_body_cut or len(report.body) > SHOWN_MAX_CHARS,
        [(label, f"{ms:,.1f} ms") for label, ms in phases if ms is not None],
        [_limit_words(status) for status in report.limits],
    )


def curl_of(operation: Operation, public_url: str) -> str:
    """Return how a program runs an operation."""
    names = ", ".join(f'"{one["name"]}": …' for one in operation.variables)
    address = (
        f"{public_url}/api/v1/integrations/{operation.integration_id}/graphql/operations/{operation.id}/run"
    )
    return (
        f"curl -X POST {address} \\\n"
        '  -H "Authorization: Bearer $SIGNALBOX_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{{\"variables\": {{{names}}}}}'\n"
    )


def _limit_words(status: LimitStatus) -> str:
    unit = status.policy.words[0] if status.policy.words else status.policy.name
    return f"{status.remaining:,} of {status.policy.quota:,} {unit} left"
