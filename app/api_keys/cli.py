"""Commands for operators: API keys."""

import click
from flask.cli import AppGroup

from app.accounts.queries import find_team
from app.api_keys.services import create_key
from app.lib.errors import SignalboxError
from app.web.permissions import FULL, PERMISSIONS, SCOPES

keys_cli = AppGroup("keys", help="API keys.")


@keys_cli.command("create")
@click.option("--team", "slug", required=True, help="The team's short name, as in its address /t/<team>/.")
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    metavar="SCOPE",
    help="May be repeated. One of: "
    + "; ".join(f"{scope} ({PERMISSIONS[scope].lower()})" for scope in SCOPES),
)
def create(slug: str, name: str, scopes: tuple[str, ...]) -> None:
    """Create an API key and print it, and nothing else, to standard output."""
    team = find_team(slug)
    if team is None:
        raise click.ClickException(f"There is no team '{slug}'. `flask accounts teams` lists them.")
    try:
        key = create_key(team.id, name, scopes=scopes, granted_by=frozenset({FULL}))
    except SignalboxError as error:
        raise click.ClickException(" ".join(item.message for item in error.errors) or error.detail) from None
    click.echo(key.token)
    click.echo(f"That was the key '{name}' of {team.name}. It cannot be shown again: keep it now.", err=True)
