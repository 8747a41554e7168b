"""`flask integrations app set|list|delete`: the apps that every team of the installation connects through."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import AppGroup

from app.integrations.presentation import redirect_address
from app.integrations.queries.apps import apps_of
from app.integrations.services.apps import remove_app, set_app
from app.lib.errors import SignalboxError

integrations_cli = AppGroup("integrations", help="Integrations.")
app_cli = AppGroup(
    "app", help="The installation's apps with providers, for teams that have none of their own."
)
integrations_cli.add_command(app_cli)


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except SignalboxError as error:
        raise click.ClickException(" ".join(item.message for item in error.errors) or error.detail) from None


@app_cli.command("set")
@click.argument("provider")
@click.option("--client-id", required=True, help="As the provider shows it.")
@click.option("--secret-stdin", is_flag=True, help="Read the client secret from standard input.")
@click.option("--public", is_flag=True, help="The app has no secret, or the stored one stays.")
def set_installation_app(provider: str, client_id: str, secret_stdin: bool, public: bool) -> None:
    """Store the app with a provider, such as github, in place of an earlier one."""
    if secret_stdin and public:
        raise click.UsageError("Give --secret-stdin or --public, not both.")
    if secret_stdin:
        secret = sys.stdin.readline().strip()
    else:
        secret = "" if public else click.prompt("Client secret", hide_input=True)
    with _plain_errors():
        is_new = set_app(None, provider, client_id, secret)
    click.echo(f"{'Added' if is_new else 'Changed'} the app for {provider}.")
    click.echo(f"Its redirect address, to be registered exactly so: {redirect_address(provider)}")


@app_cli.command("list")
def list_installation_apps() -> None:
    """Print provider, client id and the day of the last change of every app."""
    apps = apps_of(None)
    if not apps:
        click.echo("There are no apps. Add one with: flask integrations app set PROVIDER --client-id ID")
    for app in apps:
        secret = "secret stored" if app.client_secret_sealed else "no secret"
        click.echo(f"{app.provider}\t{app.client_id}\t{secret}\t{app.updated_at:%Y-%m-%d}")


@app_cli.command("delete")
@click.argument("provider")
def delete_installation_app(provider: str) -> None:
    """Delete the app with a provider and its secret."""
    with _plain_errors():
        remove_app(None, provider)
    click.echo(f"Deleted the app for {provider}. What was connected through it cannot be refreshed any more.")
