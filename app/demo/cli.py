"""`flask demo fill`: a team full of believable data."""

import click
from flask.cli import AppGroup

from app.demo.scenery import TEAM_NAME
from app.demo.services import fill
from app.extensions import current_settings
from app.lib.errors import SignalboxError

demo_cli = AppGroup("demo", help="Believable data to look at.")


@demo_cli.command("fill")
@click.option("--team", "team_name", default=TEAM_NAME, show_default=True, help="Name of the team to fill.")
@click.option("--yes", is_flag=True, help="Do it in production, too.")
def fill_team(team_name: str, yes: bool) -> None:
    """Make a demo account with a team of four, six webhooks and 26 hours of deliveries.

    Running it again adds nothing to a team that is filled; it sets a new password and prints it.
    """
    settings = current_settings()
    if settings.is_production and not yes:
        raise click.ClickException(
            "This is a production installation, and the demo accounts can sign in to it."
            " Run it again with --yes if that is what you want."
        )
    try:
        filled = fill(team_name)
    except SignalboxError as error:
        raise click.ClickException(error.detail) from None
    if filled.is_new:
        click.echo(f"The team '{team_name}' now has {filled.delivery_count} deliveries to look at.")
        click.echo("Some are due within the next minute: watch them arrive while the worker runs.")
    else:
        click.echo(
            f"The team '{team_name}' was filled before: nothing was added. (Another --team makes a new one.)"
        )
    owner, *others = filled.emails
    click.echo(f"\n  {settings.public_url}/t/{filled.team_slug}/\n")
    click.echo(f"  Sign in as  {owner}  (owner)")
    click.echo(f"  Password    {filled.password}\n")
    click.echo(f"The same password works for {', '.join(others)} (admin, member, viewer).")
