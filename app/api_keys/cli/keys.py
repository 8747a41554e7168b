"""`flask keys create|list|show|revoke|regenerate`."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import click
from flask.cli import AppGroup

from app.accounts.queries import find_team
from app.api_keys import queries, services
from app.api_keys.models import PER_DAY, PER_HOUR
from app.api_keys.queries import KEYS, STATES, ShownKey
from app.api_keys.rules import EXPIRY_DAYS_MAX
from app.api_keys.verification import key_cache
from app.lib import clock
from app.lib.errors import SignalboxError
from app.web.permissions import FULL, declared_permissions
from app.web.permissions import scopes as declared_scopes

keys_cli = AppGroup("keys", help="API keys.")

_DAY_S = 86_400
_team = click.option(
    "--team", "slug", required=True, help="The team's short name, as in its address /t/<team>/."
)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Report errors as commands do: one line on standard error, exit status 1."""
    try:
        yield
    except SignalboxError as error:
        raise click.ClickException(" ".join(item.message for item in error.errors) or error.detail) from None


def _known_scopes(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse a scope that no feature declares. Not a `click.Choice`: features are connected after this is read."""
    for scope in given:
        if scope not in declared_scopes():
            raise click.BadParameter(f"{scope!r} is not one of {', '.join(declared_scopes())}.")
    return given


@keys_cli.command("scopes")
def list_scopes() -> None:
    """List what a key can be given."""
    for permission in declared_permissions():
        click.echo(f"{permission.name}\t{permission.note}")


@keys_cli.command("create")
@_team
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    callback=_known_scopes,
    metavar="SCOPE",
    help="May be repeated. `flask keys scopes` lists them.",
)
@click.option("--test", "is_test", is_flag=True, help="A key for tests: what it emits is marked as a test.")
@click.option(
    "--expires-in-days", type=click.IntRange(1, EXPIRY_DAYS_MAX), help="Never, unless this is given."
)
@click.option(
    "--network", "networks", multiple=True, help="Where it may be used from, as 203.0.113.0/24. Repeatable."
)
@click.option(
    "--per-hour", type=int, default=PER_HOUR, show_default=True, help="Requests it may make in an hour."
)
@click.option(
    "--per-day", type=int, default=PER_DAY, show_default=True, help="Requests it may make in a day."
)
def create(
    slug: str,
    name: str,
    scopes: tuple[str, ...],
    is_test: bool,
    expires_in_days: int | None,
    networks: tuple[str, ...],
    per_hour: int,
    per_day: int,
) -> None:
    """Create an API key and print it, and nothing else, to standard output."""
    team_id, team_name = _find_team(slug)
    with plain_errors():
        key = services.create_key(
            team_id,
            name,
            scopes=scopes,
            granted_by=frozenset({FULL}),
            is_test=is_test,
            expires_at=clock.now() + timedelta(days=expires_in_days) if expires_in_days else None,
            networks=networks,
            per_hour=per_hour,
            per_day=per_day,
        )
    click.echo(key.token)
    click.echo(f"That was the key '{name}' of {team_name}. It cannot be shown again: keep it now.", err=True)


@keys_cli.command("list")
@_team
@click.option("--state", type=click.Choice(list(STATES)), help="Only keys in this state.")
def list_keys(slug: str, state: str | None) -> None:
    """Print a line for every key of a team, newest first: id, public part, state, last use, name."""
    team_id, _ = _find_team(slug)
    for key in KEYS.export(team_id, KEYS.select(state=state)):
        click.echo("\t".join((key.id, key.masked, key.state, _moment(key.last_used_at), key.name)))


@keys_cli.command("show")
@_team
@click.argument("key_id")
def show(slug: str, key_id: str) -> None:
    """Print everything about a key except its secret, which is not stored."""
    team_id, _ = _find_team(slug)
    with plain_errors():
        _print_key(queries.get_key(team_id, key_id))


@keys_cli.command("revoke")
@_team
@click.argument("key_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def revoke(slug: str, key_id: str, yes: bool) -> None:
    """Revoke a key for good: no call with it succeeds any more."""
    team_id, team_name = _find_team(slug)
    with plain_errors():
        key = queries.get_key(team_id, key_id)
        if not yes:
            click.confirm(f"Revoke the key '{key.name}' ({key.masked}) of {team_name} for good?", abort=True)
        revoked = services.revoke_key(team_id, key_id)
    click.echo(f"Revoked '{revoked.name}'.")
    _warn_unless(revoked.is_known_everywhere)


@keys_cli.command("regenerate")
@_team
@click.argument("key_id")
@click.option(
    "--grace-s",
    type=click.IntRange(0, services.GRACE_S_MAX),
    default=_DAY_S,
    show_default=True,
    help="How long the key before still works, in seconds.",
)
def regenerate(slug: str, key_id: str, grace_s: int) -> None:
    """Give a key a new secret and print the new key, and nothing else, to standard output."""
    team_id, _ = _find_team(slug)
    with plain_errors():
        made = services.regenerate_key(team_id, key_id, grace_s=grace_s, granted_by=frozenset({FULL}))
    click.echo(made.token)
    click.echo("It cannot be shown again: keep it now.", err=True)
    if grace_s:
        click.echo(f"The key before works for {grace_s} seconds more.", err=True)
    _warn_unless(made.is_known_everywhere)


def _find_team(slug: str) -> tuple[str, str]:
    team = find_team(slug)
    if team is None:
        raise click.ClickException(f"There is no team '{slug}'. `flask accounts teams` lists them.")
    return team.id, team.name


def _print_key(key: ShownKey) -> None:
    for field, value in dataclasses.asdict(key).items():
        shown = value
        if isinstance(value, datetime) or value is None:
            shown = _moment(value)
        elif isinstance(value, tuple):
            shown = " ".join(value) or "-"
        elif isinstance(value, bool):
            shown = "yes" if value else "no"
        click.echo(f"{field.removeprefix('is_').replace('_', ' ') + ':':<18} {shown}")


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%SZ}"


def _warn_unless(is_known_everywhere: bool) -> None:
    if not is_known_everywhere:
        click.echo(
            f"Redis did not take the change: what was before may be accepted for up to {key_cache.ENTRY_S} seconds"
            " more. Run the command again once Redis is back.",
            err=True,
        )
