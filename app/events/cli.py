"""Commands for operators: events."""

import click
import orjson
from flask.cli import AppGroup
from sqlalchemy import text

from app.events import services
from app.extensions import db
from app.lib.errors import SignalboxError

events_cli = AppGroup("events", help="Events.")


@events_cli.command("emit")
@click.option(
    "--team", "slug", required=True, metavar="SLUG", help="The team, as in the address of its pages."
)
@click.option("--idempotency-key", help="Repeating the command under the same key adds nothing.")
@click.argument("event_type", metavar="TYPE")
@click.argument("data_json", metavar="DATA_JSON")
def emit(slug: str, idempotency_key: str | None, event_type: str, data_json: str) -> None:
    """Emit an event of TYPE with DATA_JSON, a JSON object."""
    # By its table: the models of accounts are a layer above.
    team_id = db.session.scalar(text("SELECT id FROM teams WHERE slug = :slug"), {"slug": slug})
    db.session.rollback()
    if team_id is None:
        raise click.ClickException(f"There is no team {slug}.")
    try:
        data = orjson.loads(data_json)
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"DATA_JSON is not valid JSON: {error}.") from None
    try:
        emitted = services.emit(team_id, event_type, data, idempotency_key=idempotency_key)
    except SignalboxError as error:
        raise click.ClickException(error.detail) from None
    fate = f"{emitted.delivery_count} deliveries" if emitted.is_new else "accepted before, nothing added"
    click.echo(f"{emitted.event_id}  {fate}")
