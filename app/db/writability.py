"""Whether the database takes writes: one that is read-only would lose events."""

import sqlite3
from typing import cast

from sqlalchemy import Engine, text

_READ_ONLY, _DISK_FULL, _WRITE_FAILED = "read_only", "disk_full", "write_failed"
#: A standby answers true to the first, `default_transaction_read_only` to the second.
_IS_READ_ONLY = text("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool")
_BUSY_TIMEOUT_MS = 100
_PRIMARY_CODE = 0xFF


def write_refusal(engine: Engine) -> str | None:
    """Return why the database takes no writes: `read_only`, `disk_full` or `write_failed`; None when it does.

    PostgreSQL is asked. On SQLite a page is really written, because only that finds a full disk: do not call it for
    every request. Raises SQLAlchemyError or sqlite3.Error when the database does not answer at all.
    """
    if engine.dialect.name == "sqlite":
        return _sqlite_refusal(engine)
    with engine.connect() as connection:
        return _READ_ONLY if connection.execute(_IS_READ_ONLY).scalar_one() else None


def _sqlite_refusal(engine: Engine) -> str | None:
    pooled = engine.raw_connection()
    connection = cast(sqlite3.Connection, pooled.driver_connection)
    (busy_timeout_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        _write_a_page(connection)
    except sqlite3.OperationalError as error:
        return _refusal_of(error)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
        pooled.close()
    return None


def _write_a_page(connection: sqlite3.Connection) -> None:
    """Write a page without a change: `user_version`, which is free for applications and unused here, to itself."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {int(version)}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _refusal_of(error: sqlite3.OperationalError) -> str | None:
    code = error.sqlite_errorcode & _PRIMARY_CODE
    if code == sqlite3.SQLITE_BUSY:
        return None  # Another process is writing.
    if code == sqlite3.SQLITE_READONLY:
        return _READ_ONLY
    if code == sqlite3.SQLITE_FULL:
        return _DISK_FULL
    if code == sqlite3.SQLITE_IOERR:
        return _WRITE_FAILED
    raise error
