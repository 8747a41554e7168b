"""`flask keys scan`: finds keys in files. Exit status 1 when there are any, so that it can stop a commit."""

from collections.abc import Sequence
from itertools import islice

import click
from sqlalchemy.exc import SQLAlchemyError

from app.api_keys import operator_queries
from app.api_keys.cli.keys import keys_cli
from app.api_keys.operator_queries import KnownKid
from app.api_keys.rules import KeyState
from app.api_keys.secret_scanner import FOUND, SKIPPED, Leak, in_words, printable, scan_paths

_BATCH = 500


@keys_cli.command("scan")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True))
@click.option("--offline", is_flag=True, help="Do not ask the database whose keys they are.")
@click.option(
    "--skip", "skipped", multiple=True, help="Leave out folders of this name, beside .git. Repeatable."
)
@click.option("--all", "is_all", is_flag=True, help="Look into .git, too.")
@click.pass_context
def scan(
    context: click.Context, paths: tuple[str, ...], offline: bool, skipped: tuple[str, ...], is_all: bool
) -> None:
    """Find API keys in files, in folders and all below them, and in standard input (-).

    Prints where they are and whose they are, never the keys. Exit status: 1 when there are any, 0 when there are
    none, 2 when it could not look.
    """
    unreadable = 0

    def report(path: str, reason: str) -> None:
        nonlocal unreadable
        unreadable += 1
        click.echo(f"{printable(path)}: {reason}", err=True)

    folders = {*skipped, *([] if is_all else SKIPPED)}
    leaks = scan_paths(paths, skipped=folders, report=report)
    found = 0
    # In batches; the database is not asked at all when no key was found.
    while batch := list(islice(leaks, _BATCH)):
        found += len(batch)
        known = {} if offline else _known(context, batch)
        for leak in batch:
            click.echo(_line(leak, None if offline else _whose(known.get(leak.kid))))
    if unreadable:
        click.echo(f"Not searched, because it could not be read: {unreadable}.", err=True)
    if found:
        click.echo(f"Found: {found}. Revoke what is active, then take it out of the file.", err=True)
        context.exit(FOUND)


def _known(context: click.Context, leaks: Sequence[Leak]) -> dict[str, KnownKid]:
    try:
        return operator_queries.find_kids({leak.kid for leak in leaks})
    except SQLAlchemyError:
        for leak in leaks:
            click.echo(_line(leak, None))
        click.echo(
            "The database does not answer, so whose keys these are is not known (--offline).", err=True
        )
        context.exit(FOUND)


def _line(leak: Leak, whose: str | None) -> str:
    return in_words(leak) if whose is None else f"{in_words(leak)} ({whose})"


def _whose(known: KnownKid | None) -> str:
    if known is None:
        return "not of this installation"
    kind = "replaced key" if known.is_previous else "key"
    ended = "ended" if known.is_previous else "expired"
    state = ended if known.state is KeyState.EXPIRED else str(known.state)
    return f'{state} {kind} "{known.name}" of team {known.team_name}'
