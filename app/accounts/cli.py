"""Commands for operators: accounts."""

import sys

import click
from flask.cli import AppGroup

from app.accounts import tokens
from app.accounts.queries import all_teams, any_user_exists
from app.accounts.services import operators, second_factor
from app.accounts.services.users import NewPerson, sign_up
from app.extensions import current_settings
from app.lib.errors import SignalboxError

accounts_cli = AppGroup("accounts", help="Users and teams.")


@accounts_cli.command("first-owner-link")
def first_owner_link() -> None:
    """Print the link that creates the first owner; nothing once somebody has an account."""
    if not any_user_exists():
        click.echo(f"{current_settings().public_url}/setup/{tokens.first_owner_token()}")


@accounts_cli.command("create-owner")
@click.argument("email")
@click.option("--name", required=True, help="The person's name.")
@click.option("--team", "team_name", required=True, help="The name of the team that they will own.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create_owner(email: str, name: str, team_name: str, password_stdin: bool) -> None:
    """Create a user with a team of their own."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        # As with the link: there is nobody yet who could make the first user an operator.
        is_first = not any_user_exists()
        signed_up = sign_up(NewPerson(name, email, password), team_name=team_name, is_operator=is_first)
    except SignalboxError as error:
        raise click.ClickException(error.detail) from None
    url = current_settings().public_url
    click.echo(f"Created {email}, owner of the team '{team_name}' ({url}/t/{signed_up.team_slug}/).")
    click.echo(f"Sign in at {url}/sign-in")


@accounts_cli.command("disable-second-factor")
@click.argument("email")
def disable_second_factor(email: str) -> None:
    """Turn somebody's second factor off: they lost their phone and their recovery codes."""
    try:
        second_factor.disable_for(email)
    except SignalboxError as error:
        raise click.ClickException(error.detail) from None
    click.echo(f"{email} signs in with the password alone now. Ask them to turn the second factor on again.")


@accounts_cli.command("operator")
@click.argument("email")
@click.option("--remove", is_flag=True, help="Make them one no longer.")
def operator(email: str, remove: bool) -> None:
    """Let a user see what belongs to the installation and to no team, such as background jobs."""
    try:
        operators.set_operator(email, is_operator=not remove)
    except SignalboxError as error:
        raise click.ClickException(error.detail) from None
    click.echo(f"{email} is {'no longer ' if remove else ''}an operator of this installation.")


@accounts_cli.command("teams")
def list_teams() -> None:
    """Print the short name and the name of every team."""
    for slug, name in all_teams():
        click.echo(f"{slug}\t{name}")
