"""The database's clock: the reference for leases, due times and the clocks of machines."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.db.types import UtcDateTime
from app.lib import clock

_SAMPLES = 3
_READ = text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS float8)")


class DatabaseNow(FunctionElement[datetime]):
    """The time at which the statement arrived at the database.

    On SQLite that is the time of this process: its files are used on one machine.
    """

    type = UtcDateTime()
    inherit_cache = True


@compiles(DatabaseNow, "postgresql")
def _on_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_options: Any) -> str:
    # Not clock_timestamp(), which is volatile: an index could not be searched for it.
    return "statement_timestamp()"


@compiles(DatabaseNow, "sqlite")
def _on_sqlite(_element: DatabaseNow, compiler: SQLCompiler, **options: Any) -> str:
    # A bound callable: compiled statements are cached, and the time must not be.
    moment = bindparam("now", callable_=lambda: clock.now(), type_=UtcDateTime(), unique=True)
    return str(compiler.process(moment, **options))


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What the database's clock showed when `clock.steady_s()` was `at_steady_s`.

    `skew_s` is how far this machine's clock was ahead of it, negative when it was behind, zero when no difference
    could be measured.
    """

    epoch_s: float
    at_steady_s: float
    skew_s: float


def read_clock(connection: Connection) -> ClockReading:
    """Ask the database for its time. The error is at most half of the quickest of three round trips."""
    if connection.dialect.name == "sqlite":
        return ClockReading(time.time(), clock.steady_s(), 0.0)
    _, reading = min((_sample(connection) for _ in range(_SAMPLES)), key=lambda sample: sample[0])
    return reading


def _sample(connection: Connection) -> tuple[float, ClockReading]:
    began_s = clock.steady_s()
    epoch_s = float(connection.execute(_READ).scalar_one())
    own_epoch_s = time.time()
    # Last, so that a pause anywhere makes this sample a slow one.
    ended_s = clock.steady_s()
    took_s = ended_s - began_s
    skew_s = own_epoch_s - took_s / 2 - epoch_s
    # Within the error of measurement the clocks count as equal, as on one machine they are.
    if abs(skew_s) <= took_s / 2:
        return took_s, ClockReading(own_epoch_s, ended_s, 0.0)
    return took_s, ClockReading(epoch_s, began_s + took_s / 2, skew_s)
