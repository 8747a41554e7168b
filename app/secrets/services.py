"""Counts, re-seals and verifies the sealed values of all tables, while web servers and workers run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, literal, select, update

from app.db.sealed import SealedColumn, sealed_columns
from app.db.session import reading
from app.extensions import db, sealer
from app.lib.sealed import CannotOpen, KeyMissing, prefix_of

BATCH_ROWS = 500
#: Bounds the passes while a process that still has an earlier key goes on writing with it.
_PASSES_MAX = 5

#: Called after each batch with the number of values that were checked.
Progress = Callable[[int], None]
Rows = Sequence[Row[str, str]]


@dataclass(frozen=True, slots=True)
class KeyCount:
    """How many values of a column one key sealed. `key_id` None: they are no sealed values at all."""

    place: str
    key_id: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that cannot be opened, why, and what to do about it. `key_id`: the missing key, if that is why."""

    place: str
    row_id: str
    key_id: str | None
    reason: str
    remedy: str


@dataclass(slots=True)
class Resealed:
    """The result for a column. `left_count` values still have an earlier key: they are being written right now."""

    count: int = 0
    left_count: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)


def columns() -> Sequence[SealedColumn]:
    """Return every column of sealed values."""
    return sealed_columns(db.metadata)


def count_by_key() -> list[KeyCount]:
    """Return how many values each key sealed, by column. Reads every value's beginning."""
    counts = []
    for column in columns():
        value = column.column
        key_id = case((value.like("v1.________.%"), func.substr(value, 4, 8)), else_="")
        query = select(key_id, func.count()).where(_is_filled(column)).group_by(key_id).order_by(key_id)
        with reading(), db.engine.begin() as connection:
            counts += [KeyCount(str(column), found or None, n) for found, n in connection.execute(query)]
    return counts


def count_filled(column: SealedColumn, *, is_earlier: bool = False) -> int:
    """Return how many values the column holds, or only those that an earlier key sealed."""
    condition = _is_earlier(column) if is_earlier else _is_filled(column)
    with reading(), db.engine.begin() as connection:
        query = select(func.count()).select_from(column.table).where(condition)
        return connection.execute(query).scalar_one()


def verify(column: SealedColumn, report: Progress) -> list[Unreadable]:
    """Open every value of the column; returns those that cannot be opened."""
    unreadable = []
    for _, rows in _batches(column, _is_filled(column), is_reading=True):
        for row_id, value in rows:
            opened = _open(column, row_id, value)
            if isinstance(opened, Unreadable):
                unreadable.append(opened)
        report(len(rows))
    return unreadable


def reseal(column: SealedColumn, report: Progress, *, is_dry_run: bool = False) -> Resealed:
    """Seal every value again that an earlier key sealed; with `is_dry_run` only open and count them.

    Safe while everything runs, and safe to interrupt: each batch commits, and is not repeated by the next run.
    """
    result = Resealed()
    for _ in range(1 if is_dry_run else _PASSES_MAX):
        result.unreadable = []
        before = result.count
        for connection, rows in _batches(column, _is_earlier(column), is_reading=is_dry_run):
            for row_id, value in rows:
                opened = _open(column, row_id, value)
                if isinstance(opened, Unreadable):
                    result.unreadable.append(opened)
                else:
                    result.count += is_dry_run or _replace(connection, column, row_id, value, opened)
            report(len(rows))
        if result.count == before:
            break
    if not is_dry_run:
        result.left_count = count_filled(column, is_earlier=True) - len(result.unreadable)
    return result


def _batches(
    column: SealedColumn, condition: ColumnElement[bool], *, is_reading: bool
) -> Iterator[tuple[Connection, Rows]]:
    """Yield the rows in batches, each with the transaction that read it; it commits before the next one begins."""
    row_id, last_id = column.table.c.id, ""
    while True:
        query = select(row_id, column.column).where(row_id > last_id, condition).order_by(row_id)
        if not is_reading:
            # Skipping locked rows rules out deadlocks; a later pass gets what was skipped.
            # The lock of an UPDATE, no stronger: inserts that refer to these rows need not wait.
            query = query.with_for_update(key_share=True, skip_locked=True)
        with reading() if is_reading else nullcontext(), db.engine.begin() as connection:
            rows = connection.execute(query.limit(BATCH_ROWS)).all()
            if not rows:
                return
            yield connection, rows
        last_id = rows[-1][0]


def _open(column: SealedColumn, row_id: str, value: str) -> bytes | Unreadable:
    try:
        return sealer().open(value, table=column.table.name, column=column.place, row_id=row_id)
    except KeyMissing as error:
        remedy = f"Add the key with the id {error.key_id} to ENCRYPTION_KEYS_PREVIOUS and try again. If it is lost: "
        return Unreadable(str(column), row_id, error.key_id, str(error), remedy + column.when_lost)
    except CannotOpen as error:
        remedy = f"Restore this value from a backup. If there is none: {column.when_lost}"
        return Unreadable(str(column), row_id, None, str(error), remedy)


def _replace(connection: Connection, column: SealedColumn, row_id: str, value: str, opened: bytes) -> bool:
    """Return whether the value was still the one that was read; else a newer one was stored meanwhile."""
    table = column.table
    sealed = sealer().seal(opened, table=table.name, column=column.place, row_id=row_id)
    # The secret is the same: columns with `onupdate`, such as `updated_at`, keep their values.
    unchanged = {other.name: other for other in table.columns if other.onupdate is not None}
    replaced = connection.execute(
        update(table)
        .where(table.c.id == row_id, column.column == value)
        .values({**unchanged, column.column.name: sealed})
    )
    return bool(replaced.rowcount)


def _is_filled(column: SealedColumn) -> ColumnElement[bool]:
    return and_(column.column.is_not(None), column.column != "")


def _is_earlier(column: SealedColumn) -> ColumnElement[bool]:
    prefix = prefix_of(sealer().current_key_id)
    return and_(_is_filled(column), func.substr(column.column, 1, len(prefix)) != literal(prefix))
