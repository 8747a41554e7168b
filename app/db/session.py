"""How transactions begin.

SQLite allows one writer. A transaction that begins deferred and writes after a read fails with "database is
locked" whatever the busy timeout says (measured: 8 to 73 % of them under load), so a transaction declares at its
beginning whether it may write: `BEGIN IMMEDIATE` waits for the writer, and `reading()` marks those that need not.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import cast

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.exc import DBAPIError

_is_reading: ContextVar[bool] = ContextVar("is_reading", default=False)
_is_relaxed: ContextVar[bool] = ContextVar("is_relaxed", default=False)
_BUSY_TIMEOUT_MS = 15_000
_LOOK_AGAIN_S = 0.001
_SYNCHRONOUS_NORMAL = 1


def begin_reading() -> Token[bool]:
    """Let the transactions that begin from here on only read. Undo with `end_reading(token)`."""
    return _is_reading.set(True)


def end_reading(token: Token[bool]) -> None:
    """Undo `begin_reading()`."""
    _is_reading.reset(token)


@contextmanager
def reading() -> Iterator[None]:
    """Within this block new transactions only read, and wait for no writer."""
    token = begin_reading()
    try:
        yield
    finally:
        end_reading(token)


@contextmanager
def writing() -> Iterator[None]:
    """Within this block new transactions may write, although the request as a whole only reads."""
    token = _is_reading.set(False)
    try:
        yield
    finally:
        _is_reading.reset(token)


@contextmanager
def not_waiting_for_disk() -> Iterator[None]:
    """Within this block commits on SQLite do not wait for the disk: a power cut, no crash, may lose the last of them.

    They are lost as a whole, and only together with those after them: the next usual commit writes them down as well.
    """
    token = _is_relaxed.set(True)
    try:
        yield
    finally:
        _is_relaxed.reset(token)


class WriteWhileReading(Exception):
    """A statement that writes within `reading()`."""


def refuse_writes_while_reading(engine: Engine) -> None:
    """Raise WriteWhileReading for every statement that writes within `reading()`, on any database.

    For tests: such a statement works most of the time, and fails with "database is locked" under load.
    """
    event.listen(engine, "before_cursor_execute", _refuse_write)


def _refuse_write(
    _connection: Connection,
    _cursor: object,
    statement: str,
    _parameters: object,
    context: DefaultExecutionContext | None,
    _executemany: bool,
) -> None:
    if not _is_reading.get():
        return
    is_write = context is not None and (context.isinsert or context.isupdate or context.isdelete)
    if is_write or statement.lstrip()[:6].upper() in ("INSERT", "UPDATE", "DELETE"):
        raise WriteWhileReading(f"{statement[:200]} (a view that writes on GET is marked with @writes)")


def prepare_engine(engine: Engine) -> None:
    """Give SQLite engines write-ahead logging, foreign keys and transactions that begin as declared above."""
    if engine.dialect.name != "sqlite":
        return
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)


def _prepare_connection(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = (
        None  # BEGIN is sent by `_begin`: the driver would begin deferred, and only before a write.
    )
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        # FULL: events that were answered with 202 survive a power cut, not only a crash.
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -32768",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    raw = cast(sqlite3.Connection, connection.connection.dbapi_connection)
    if _is_reading.get():
        raw.execute("BEGIN")
        return
    try:
        _set_durability(connection, raw)
        _begin_writing(raw)
    except sqlite3.Error as error:
        raise DBAPIError.instance("BEGIN IMMEDIATE", None, error, sqlite3.Error) from error


def _set_durability(connection: Connection, raw: sqlite3.Connection) -> None:
    """Let the commit that follows wait for the disk or not; within a transaction SQLite cannot change that."""
    is_relaxed = _is_relaxed.get()
    if is_relaxed == ("usual_synchronous" in connection.info):
        return
    if is_relaxed:
        (usual,) = raw.execute("PRAGMA synchronous").fetchone()
        connection.info["usual_synchronous"] = usual
        raw.execute(f"PRAGMA synchronous = {min(usual, _SYNCHRONOUS_NORMAL)}")
    else:
        raw.execute(f"PRAGMA synchronous = {connection.info.pop('usual_synchronous')}")


def _begin_writing(raw: sqlite3.Connection) -> None:
    """Wait for the writer, polling often: SQLite's own busy wait grows to 100 ms between two tries."""
    ends_at_s = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= ends_at_s:
                    raise
            else:
                return
            time.sleep(_LOOK_AGAIN_S)
    finally:
        raw.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
