"""`--times FILE`: adds to the file how long the tests of each directory took, and those of the slowest files."""

from collections import defaultdict
from pathlib import Path, PurePosixPath

import pytest

FILES_SHOWN = 12


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--times",
        type=Path,
        metavar="FILE",
        help="add a line 'seconds name' to FILE for each directory of tests and for the slowest files",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    path: Path | None = config.getoption("--times")
    if path is None or hasattr(
        config, "workerinput"
    ):  # The process that hands out the tests has all reports.
        return
    reports = [
        report
        for found in terminalreporter.stats.values()
        for report in found
        if isinstance(report, pytest.TestReport)
    ]
    directories: dict[str, float] = defaultdict(float)
    files: dict[str, float] = defaultdict(float)
    for report in reports:
        file = PurePosixPath(report.nodeid.partition("::")[0])
        files[str(file)] += report.duration
        directories[str(file.parent)] += report.duration
    with path.open("a", encoding="utf-8") as lines:
        for name, seconds in [*_longest(directories), *_longest(files)[:FILES_SHOWN]]:
            lines.write(f"{seconds:.0f} {name}\n")


def _longest(seconds: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=lambda item: item[1], reverse=True)
