"""Runs migrations on the database of the current app (`flask db upgrade`)."""

from typing import Any

from alembic import context
from flask import current_app

# The models register their tables.
import app.accounts.models
import app.api_keys.models
import app.audit.models
import app.events.models
import app.idempotency.models
import app.webhooks.models  # noqa: F401
from app.db.base import Base
from app.extensions import db


def run() -> None:
    """Migrate online, all in one transaction where the database allows it."""
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_item=_render_item,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


def _render_item(kind: str, item: Any, _autogen: Any) -> str | bool:
    if kind == "type" and item.__class__.__module__ == "app.db.types":
        return f"types.{item.__class__.__name__}()"
    return False


run()
