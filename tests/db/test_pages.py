"""Keyset pages over a query: complete, bounded, and downloaded in short transactions."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import pages
from app.db.pages import Conditions, export_rows, find_page, id_bounds
from app.events.models import Event
from app.extensions import db
from app.lib.ids import lowest_id_at
from tests.people import People

pytestmark = pytest.mark.postgresql

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def ids(app: Flask, people: People) -> list[str]:
    """Store an event per second, every tenth of another type; returns their ids, oldest first."""
    made = [lowest_id_at("evt", NOON + timedelta(seconds=number)) for number in range(100)]
    with app.app_context():
        db.session.add_all(
            Event(
                id=event_id,
                team_id=people.acme.id,
                type="rare.one" if number % 10 == 0 else "post.published",
                body="{}",
                request_digest="0" * 64,
                is_test=False,
                created_at=NOON,
            )
            for number, event_id in enumerate(made)
        )
        db.session.commit()
    return made


def find(conditions: Conditions, *, cursor: str | None = None, size: int = 7) -> pages.Page[str]:
    if cursor is not None:
        conditions += Conditions((Event.id < cursor,))
    return find_page(
        db.session(),
        select(Event),
        conditions,
        key=Event.id,
        shape=lambda rows: [row[0].id for row in rows],
        size=size,
    )


def walk(conditions: Conditions) -> tuple[list[str], list[datetime | None]]:
    """Return all ids, newest first, and how far back each page said that it came."""
    seen: list[str] = []
    bounds: list[datetime | None] = []
    cursor = None
    while True:
        page = find(conditions, cursor=cursor)
        seen += page.rows
        bounds.append(page.searched_back_to)
        cursor = page.next_cursor
        if cursor is None:
            return seen, bounds


def test_pages_hold_every_row_once(app: Flask, people: People, ids: list[str]) -> None:
    with app.app_context():
        seen, bounds = walk(Conditions((Event.team_id == people.acme.id,)))

    assert seen == list(reversed(ids))
    assert set(bounds) == {None}


@pytest.mark.parametrize("size", [99, 100, 101])
def test_last_page_has_no_cursor(app: Flask, people: People, ids: list[str], size: int) -> None:
    with app.app_context():
        page = find(Conditions((Event.team_id == people.acme.id,)), size=size)

    assert page.next_cursor == (ids[1] if size == 99 else None)


def test_scan_stops_at_its_window_and_goes_on(
    app: Flask, people: People, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "WINDOW", 30)
    with app.app_context():
        seen, bounds = walk(Conditions((Event.team_id == people.acme.id,), (Event.type == "rare.one",)))

    assert seen == list(reversed(ids[::10]))
    assert bounds == [
        NOON + timedelta(seconds=70),
        NOON + timedelta(seconds=40),
        NOON + timedelta(seconds=10),
        None,
    ]


def test_times_bound_the_ids(app: Flask, people: People, ids: list[str]) -> None:
    bounds = id_bounds(
        Event.id, "evt", since=NOON + timedelta(seconds=10), until=NOON + timedelta(seconds=13)
    )
    with app.app_context():
        page = find(Conditions((Event.team_id == people.acme.id,)) + bounds)

    assert page.rows == [ids[12], ids[11], ids[10]]


def test_export_joins_pages_and_windows(
    app: Flask, people: People, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "WINDOW", 30)
    conditions = Conditions((Event.team_id == people.acme.id,), (Event.type == "rare.one",))
    with app.app_context():
        rows = list(export_rows(db.engine, lambda _session, cursor: find(conditions, cursor=cursor, size=2)))
        db.session.remove()

    assert rows == list(reversed(ids[::10]))
