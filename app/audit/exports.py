"""Downloads as CSV: written row by row, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from flask import Response, current_app, stream_with_context

from app.lib import clock

Row = TypeVar("Row")

#: A cell that begins so would be a formula to a spreadsheet (OWASP, CSV injection). Where Chinese, Japanese and Korean
#: are written, the full-width forms count as well.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: So much text is handed on at once.
_CHUNK_CHARS = 16_384


def csv_download(
    name: str, header: Sequence[str], rows: Iterable[Row], cells: Callable[[Row], Sequence[object]]
) -> Response:
    """Return a download of `name` and today's date, which takes the rows while it is sent."""
    response = current_app.response_class(
        stream_with_context(csv_lines(header, rows, cells)), content_type="text/csv; charset=utf-8"
    )
    filename = f"{name}-{clock.now():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def csv_lines(
    header: Sequence[str], rows: Iterable[Row], cells: Callable[[Row], Sequence[object]]
) -> Iterator[str]:
    """Yield the lines of a CSV file (RFC 4180), some at a time."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    for row in rows:
        writer.writerow([_cell(value) for value in cells(row)])
        if text.tell() >= _CHUNK_CHARS:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
