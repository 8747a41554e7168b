"""Requests with GET only read, except for views that are marked as writing."""

import pytest
from flask import Flask
from sqlalchemy import delete, insert, select, text, update

from app.accounts.models import User
from app.db.session import WriteWhileReading, reading
from app.extensions import db
from app.web.access import public, writes
from tests.people import People

RENAMED = update(User).values(name="Renamed")
STATEMENTS = {
    "update": RENAMED,
    "delete": delete(User),
    "insert": insert(User).values(id="usr_x", email="x@example.com", name="X", password_hash=""),
    "insert from a select": insert(User).from_select(["id"], select(User.id)),
    "text": text("  update users set name = 'x'"),
}


def _rename() -> str:
    db.session.execute(RENAMED)
    db.session.commit()
    return "done"


def _names(app: Flask) -> set[str]:
    with app.app_context():
        names = set(db.session.scalars(select(User.name)))
        db.session.remove()
    return names


def test_callbacks_of_providers_alone_write_on_get(app: Flask) -> None:
    marked = {name for name, view in app.view_functions.items() if getattr(view, "writes", False)}

    assert marked == {"accounts.openid_callback", "integration_callbacks.callback"}


@pytest.mark.postgresql
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_view_that_writes_on_get_without_the_mark_fails(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setitem(app.view_functions, "accounts.sign_in", public(lambda: _rename()))

    assert people.anybody().client.open("/sign-in", method=method).status_code == 500
    assert "Renamed" not in _names(app)


@pytest.mark.postgresql
def test_a_view_with_the_mark_writes(app: Flask, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.view_functions, "accounts.sign_in", public(writes(lambda: _rename())))

    assert people.anybody().get("/sign-in").status_code == 200
    assert _names(app) == {"Renamed"}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_nothing_writes_within_reading(app: Flask, statement: object) -> None:
    with app.app_context(), reading(), db.engine.connect() as connection:
        with pytest.raises(WriteWhileReading):
            connection.execute(statement)  # type: ignore[call-overload]
        assert connection.scalar(select(1)) == 1
