"""`flask secrets status|rotate|verify`: the keys that seal secrets at rest."""

import sys
from collections.abc import Sequence
from typing import Any

import click
from flask.cli import AppGroup

from app.extensions import sealer
from app.secrets import services
from app.secrets.services import Unreadable

secrets_cli = AppGroup("secrets", help="Secrets at rest, and the keys that seal them.")

_SHOWN_ROWS_MAX = 20


@secrets_cli.command("status")
@click.pass_context
def status(context: click.Context) -> None:
    """Print how many values each key sealed. Exit status 1 when some were sealed with a key that is not configured."""
    names = dict.fromkeys(sealer().previous_key_ids, "ENCRYPTION_KEYS_PREVIOUS")
    names[sealer().current_key_id] = "ENCRYPTION_KEY"
    counts = services.count_by_key()
    missing = [one for one in counts if one.key_id not in names]
    for one in counts:
        whose = names.get(one.key_id or "", "NOT CONFIGURED" if one.key_id else "NOT A SEALED VALUE")
        click.echo(f"{one.place:<32} {one.key_id or '-':<8} {one.count:>10,}  {whose}")
    used = {one.key_id for one in counts}
    for key_id, name in names.items():
        if key_id not in used:
            note = "nothing was sealed with it" + ("; it can go" if name.endswith("PREVIOUS") else "")
            click.echo(f"{'':<32} {key_id:<8} {0:>10,}  {name}: {note}")
    if missing:
        click.echo(
            "Some values cannot be opened: `flask secrets verify` lists them and says what to do.", err=True
        )
        context.exit(1)


@secrets_cli.command("rotate")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Open and count what there is; change nothing.")
@click.pass_context
def rotate(context: click.Context, is_dry_run: bool) -> None:
    """Seal anew, with ENCRYPTION_KEY, what the keys in ENCRYPTION_KEYS_PREVIOUS sealed.

    Runs beside the web servers and workers; all of them must have the new ENCRYPTION_KEY before. Can be interrupted
    and run again. Exit status 1 when something could not be opened or is not done.
    """
    unreadable: list[Unreadable] = []
    left_count = 0
    for column in services.columns():
        waiting = services.count_filled(column, is_earlier=True)
        with click.progressbar(length=waiting, label=str(column), **_on_a_terminal()) as bar:
            result = services.reseal(column, bar.update, is_dry_run=is_dry_run)
        click.echo(f"{column}: {result.count:,} {'to seal anew' if is_dry_run else 'sealed anew'}")
        unreadable += result.unreadable
        left_count += result.left_count
    _print_unreadable(unreadable)
    if left_count:
        click.echo(
            f"Sealed with an earlier key meanwhile, or in use: {left_count:,}. Restart every web server and worker"
            " with the new ENCRYPTION_KEY, then run this again.",
            err=True,
        )
    if unreadable or left_count:
        context.exit(1)
    if not is_dry_run:
        click.echo(f"Everything is sealed with ENCRYPTION_KEY ({sealer().current_key_id}).")


@secrets_cli.command("verify")
@click.pass_context
def verify(context: click.Context) -> None:
    """Open every value. Exit status 1 when some cannot be opened; says which, why and what to do."""
    unreadable: list[Unreadable] = []
    for column in services.columns():
        count = services.count_filled(column)
        with click.progressbar(length=count, label=str(column), **_on_a_terminal()) as bar:
            found = services.verify(column, bar.update)
        click.echo(f"{column}: {count - len(found):,} of {count:,} can be opened")
        unreadable += found
    _print_unreadable(unreadable)
    if unreadable:
        context.exit(1)


def _on_a_terminal() -> dict[str, Any]:
    """Return the options of a progress line that standard error shows only where somebody looks on."""
    return {"file": sys.stderr, "hidden": not sys.stderr.isatty()}


def _print_unreadable(unreadable: Sequence[Unreadable]) -> None:
    """Say of every value that cannot be opened where it is and why, and once per column and cause what to do."""
    causes: dict[tuple[str, str], list[Unreadable]] = {}
    for one in unreadable:
        causes.setdefault((one.place, one.remedy), []).append(one)
    for (place, remedy), ones in causes.items():
        click.echo(f"\n{place}: {len(ones):,} cannot be opened.", err=True)
        for one in ones[:_SHOWN_ROWS_MAX]:
            click.echo(f"  {one.row_id}: {one.reason}", err=True)
        if len(ones) > _SHOWN_ROWS_MAX:
            click.echo(f"  and {len(ones) - _SHOWN_ROWS_MAX:,} more", err=True)
        click.echo(f"  {remedy}", err=True)
