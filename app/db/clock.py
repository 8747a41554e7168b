"""The database's clock: what dates leases and due times."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.db.types import UtcDateTime
from app.lib import clock


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
    moment = bindparam("now", callable_=clock.now, type_=UtcDateTime(), unique=True)
    return str(compiler.process(moment, **options))
