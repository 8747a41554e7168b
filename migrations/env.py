"""Runs migrations on the database of the current app (`flask db upgrade`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from app.db.base import Base
from app.extensions import db
from app.wiring import FEATURES


def run() -> None:
    """Migrate online, all in one transaction where the database allows it."""
    for name in (name for feature in FEATURES for name in feature.models):
        import_module(name)  # The models register their tables.
    with db.engine.connect() as connection, _tables_may_be_rebuilt(connection):
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_item=_render_item,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


@contextmanager
def _tables_may_be_rebuilt(connection: Connection) -> Iterator[None]:
    """Let SQLite drop a table that others refer to: its columns change by building it anew.

    With foreign keys on, dropping it would first delete its rows, and with them all that refer to them. The pragma
    does nothing inside a transaction, so it is set before one begins (https://www.sqlite.org/lang_altertable.html#otheralter).
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    raw = connection.connection.dbapi_connection
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
        broken = raw.execute("PRAGMA foreign_key_check").fetchall()
    finally:
        raw.execute("PRAGMA foreign_keys = ON")
    if broken:
        raise RuntimeError(f"rows refer to rows that are not there: {broken[:5]}")


def _render_item(kind: str, item: Any, _autogen: Any) -> str | bool:
    if kind == "type" and item.__class__.__module__ == "app.db.types":
        return f"types.{item.__class__.__name__}()"
    return False


run()
