"""Figures and how they are printed."""

import json
import math
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_HEADINGS = ("Figure", "Database", "Result", "Range", "Target", "Met")


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should reach: `at_least` or, for times, `below`."""

    at_least: float | None = None
    below: float | None = None

    def is_met(self, value: float) -> bool:
        """Return whether `value` reaches it."""
        if self.at_least is not None and value < self.at_least:
            return False
        return self.below is None or value < self.below

    def __str__(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"< {self.below:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that was measured. `low` and `high` are its extremes over the rounds."""

    name: str
    database: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    target: Target | None = None
    note: str = ""


def over_rounds(
    name: str,
    database: str,
    values: Sequence[float],
    unit: str,
    *,
    target: Target | None = None,
    note: str = "",
) -> Figure:
    """Return the figure of several rounds: their median, lowest and highest."""
    return Figure(
        name, database, statistics.median(values), unit, min(values), max(values), target=target, note=note
    )


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def as_table(figures: Sequence[Figure]) -> str:
    """Return the figures in columns."""
    rows = [_HEADINGS, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines) + "".join(f"\n{line}" for line in _notes(figures))


def as_markdown(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table, the machine above it."""
    rows = [_HEADINGS, tuple("---" for _ in _HEADINGS), *(_cells(figure) for figure in figures)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{machine()}\n\n{table}\n" + "".join(f"\n{line}" for line in _notes(figures))


def as_json(figures: Sequence[Figure]) -> str:
    """Return the figures and the machine as JSON."""
    rows = [asdict(figure) | {"is_met": _is_met(figure)} for figure in figures]
    return json.dumps({"machine": machine(), "figures": rows}, indent=2, ensure_ascii=False)


def machine() -> str:
    """Return processor, cores, memory and versions in one line."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, load average {os.getloadavg()[0]:.1f} at the end"
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _cells(figure: Figure) -> tuple[str, ...]:
    spread = (
        "" if figure.low is None or figure.high is None else f"{_number(figure.low)}–{_number(figure.high)}"
    )
    met = {None: "", True: "yes", False: "NO"}[_is_met(figure)]
    result = f"{_number(figure.value)} {figure.unit}".strip()
    return figure.name, figure.database, result, spread, str(figure.target or ""), met


def _is_met(figure: Figure) -> bool | None:
    return None if figure.target is None else figure.target.is_met(figure.value)


def _notes(figures: Sequence[Figure]) -> list[str]:
    notes = dict.fromkeys(f"{figure.name}: {figure.note}" for figure in figures if figure.note)
    return [f"- {note}" for note in notes]


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
