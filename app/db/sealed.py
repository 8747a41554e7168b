"""Columns of sealed values: declared in the models, found here by the commands that count and re-seal them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, MetaData, Table

_INFO = "sealed"


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values, bound to the row's `id`; NULL and the empty text mean that there is none.

    `place` is the name of the column within the values, `when_lost` what to do about one that cannot be opened.
    """

    table: Table
    column: Column[Any]
    place: str
    when_lost: str

    def __str__(self) -> str:
        return f"{self.table.name}.{self.column.name}"


def sealed(place: str, *, when_lost: str) -> dict[str, Any]:
    """Return the `info` that declares a column as one of sealed values."""
    return {_INFO: (place, when_lost)}


def sealed_columns(metadata: MetaData) -> Sequence[SealedColumn]:
    """Return every declared column, by table and column."""
    return [
        SealedColumn(table, column, *column.info[_INFO])
        for table in sorted(metadata.tables.values(), key=lambda table: table.name)
        for column in table.columns
        if _INFO in column.info
    ]
