"""Downloads as CSV: written row by row, safe to open in a spreadsheet."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter

from flask import Response, current_app, stream_with_context

from app.lib import clock

#: The columns: the attribute of a row that heads its column, or `heading=attribute`, which may be one of an attribute.
Cells = Sequence[str]

#: A cell that begins so would be a formula to a spreadsheet (OWASP, CSV injection). Where Chinese, Japanese and Korean
#: are written, the full-width forms count as well.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: The size of the chunks that are sent.
_CHUNK_CHARS = 16_384


def csv_download(name: str, cells: Cells, rows: Iterable[object]) -> Response:
    """Return a download of `name` and today's date, which takes the rows while it is sent."""
    response = current_app.response_class(
        stream_with_context(csv_lines(cells, rows)), content_type="text/csv; charset=utf-8"
    )
    filename = f"{name}-{clock.now():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def csv_lines(cells: Cells, rows: Iterable[object]) -> Iterator[str]:
    """Yield the lines of a CSV file (RFC 4180), in chunks."""
    columns = [
        (heading, attrgetter(attribute or heading))
        for heading, _, attribute in (cell.partition("=") for cell in cells)
    ]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([heading for heading, _ in columns])
    for row in rows:
        writer.writerow([_cell(value_of(row)) for _, value_of in columns])
        if text.tell() >= _CHUNK_CHARS:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False) if value else None
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
