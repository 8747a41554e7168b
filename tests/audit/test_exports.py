"""Downloads: complete, filtered, streamed, and harmless in a spreadsheet."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pytest
from flask import Flask
from sqlalchemy import event

from app.audit.queries import ENTRIES
from app.db import pages
from app.extensions import db
from app.lib import clock
from app.web.lists import Selection, spec
from app.web.lists.downloads import csv_lines
from tests.audit.conftest import Trail
from tests.people import People


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_trail_is_downloaded_whole_and_filtered(people: People, trail: Trail) -> None:
    ids = trail.add_entries(1_203, changes={"timeout_s": [15, 20]})
    trail.add_entries(2, action="webhook.deleted", at=clock.now())

    answer = people.bob.get("/t/acme/audit/export.csv?action=webhook.updated")

    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="audit-acme-{clock.now():%Y-%m-%d}.csv"'
    )
    rows = rows_of(answer.get_data(as_text=True))
    assert [row["id"] for row in rows] == list(reversed(ids))
    assert rows[0]["changes"] == '{"timeout_s": [15, 20]}'
    assert (rows[0]["actor"], rows[0]["object"]) == ("Alice", "Order desk")


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠SUM(A1)"]
)
def test_cells_are_no_formulas(people: People, trail: Trail, formula: str) -> None:
    trail.add_entries(1, object_name=f'{formula},"x"', detail="plain = text")

    (row,) = rows_of(people.alice.get("/t/acme/audit/export.csv?object_type=webhook").get_data(as_text=True))

    assert row["object"] == f'\'{formula},"x"'
    assert row["detail"] == "plain = text"


def test_lines_are_sent_before_all_rows_are_read() -> None:
    taken = 0

    def rows() -> Iterator[complex]:
        nonlocal taken
        for number in range(1_000_000):
            taken = number
            yield complex(number)

    chunks = list(islice(csv_lines(["n=real"], rows()), 2))

    assert len(chunks) == 2
    assert taken < 10_000


def test_no_transaction_stays_open_between_pages(
    app: Flask, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spec, "EXPORT_PAGE_SIZE", 10)
    trail.add_entries(35)
    with app.app_context():
        selects: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda *a: selects.append(a[2]))
        rows = ENTRIES.export(trail.team_id, Selection())
        next(rows)
        assert len(selects) == 1, "one page was read"
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        # What is written meanwhile is newer: it does not come into what is being downloaded.
        trail.add_entries(5, at=clock.now() + timedelta(minutes=1))

        assert len(list(rows)) == 34


def test_windows_of_a_search_are_joined(
    people: People, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "WINDOW", 20)
    [old] = trail.add_entries(1, object_name="needle", at=clock.now() - timedelta(hours=1))
    trail.add_entries(70)

    rows = rows_of(people.alice.get("/t/acme/audit/export.csv?q=needle").get_data(as_text=True))

    assert [row["id"] for row in rows] == [old]
