"""`python -m bench`: measures, and prints what it found."""

import argparse
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator

from app.config import Settings
from bench import report
from bench.environment import POSTGRESQL, SQLITE, Environment, environment_running
from bench.programs import ProgramFailed
from bench.report import Figure
from bench.sizes import FULL, QUICK, Sizes
from tests.servers import ServerFailed, find_postgres

#: What `--only` knows. `servers` compares web servers and `outbound` ways to connect, questions that are answered; they
#: run when asked for.
USUAL = ("dispatch", "latency", "slow", "isolation", "ingest", "memory", "calls", "refresh", "health")
ON_REQUEST = ("servers", "outbound")


def main() -> int:
    """Measure what the command line asks for; return the exit code."""
    options = _parse(sys.argv[1:])
    # Both unwind, so that all that was started ends. A shell may have left SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # What the developer's shell or `make run` configures is nothing to the benchmark.
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)
    figures: list[Figure] = []
    try:
        for database in _databases(options.database):
            with environment_running(database) as environment:
                figures += _measure_all(environment, options.only, QUICK if options.quick else FULL)
    except (LookupError, ProgramFailed, ServerFailed) as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return 130
    print_as = {"json": report.as_json, "markdown": report.as_markdown, "table": _table}[options.format]
    print(print_as(figures))
    return 0


def _measure_all(environment: Environment, names: list[str], sizes: Sizes) -> Iterator[Figure]:
    for name in names:
        start_s = time.monotonic()
        sys.stderr.write(f"{environment.database}: {name} … ")
        sys.stderr.flush()
        try:
            yield from importlib.import_module(f"bench.figures.{name}").measure(environment, sizes)
        except ProgramFailed as error:
            raise ProgramFailed(f"{error}\n{environment.complaints()}") from None
        sys.stderr.write(f"{time.monotonic() - start_s:.0f} s\n")


def _table(figures: list[Figure]) -> str:
    return f"{report.machine()}\n\n{report.as_table(figures)}"


def _databases(wanted: str) -> list[str]:
    if wanted != "both":
        return [wanted]
    if find_postgres() is None:
        sys.stderr.write("Left out: PostgreSQL, whose server is not installed here.\n")
        return [SQLITE]
    return [POSTGRESQL, SQLITE]


def _parse(arguments: list[str]) -> argparse.Namespace:
    known = (*USUAL, *ON_REQUEST)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--database", choices=(SQLITE, POSTGRESQL, "both"), default="both")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: shows that it runs, measures little"
    )
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=list(USUAL),
        metavar="NAME,…",
        help=f"of {', '.join(known)}; all but {' and '.join(ON_REQUEST)} by default",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", dest="format", action="store_const", const="json", default="table")
    form.add_argument("--markdown", dest="format", action="store_const", const="markdown")
    options = parser.parse_args(arguments)
    for name in options.only:
        if name not in known:
            parser.error(f"there is no measurement {name!r}; there are {', '.join(known)}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
