"""What `/readyz` reports, and how little it costs."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from app.config import PROJECT_DIR, Settings
from app.db.session import prepare_engine
from app.db.writability import write_refusal
from app.extensions import db
from app.factory import create_app
from app.web import health
from app.web.health import READINESS
from tests import slots

HEALTHY = {"status": "ok", "checks": {"database": "ok", "redis": "ok"}}


@pytest.fixture(autouse=True)
def fresh(app: Flask) -> Iterator[None]:
    """Drop the findings of another test."""
    app.extensions.pop(READINESS.key, None)
    yield
    app.extensions.pop(READINESS.key, None)


@pytest.fixture
def read_only_url(app: Flask, settings: Settings) -> Iterator[str]:
    """Yield the address of the app's database, where it takes no writes."""
    if settings.is_sqlite:
        path = settings.database_url.removeprefix("sqlite:///")
        yield f"sqlite:///file:{path}?mode=ro&uri=true"
        return
    with app.app_context():
        engine = db.engine
        name = engine.url.database
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
        yield settings.database_url
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = off'))
        # Connections made meanwhile would stay read-only.
        engine.dispose()


def test_a_healthy_installation_is_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()) == (200, HEALTHY)


def test_a_database_that_takes_no_writes_is_not_ready(settings: Settings, read_only_url: str) -> None:
    app = create_app(settings.model_copy(update={"database_url": read_only_url}))
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"database": "read_only", "redis": "ok"}
    with app.app_context():
        db.engine.dispose()
    slots.close_redis(app)


def test_a_database_that_is_gone_is_not_ready(settings: Settings, tmp_path: Path) -> None:
    gone = (
        f"sqlite:///file:{tmp_path / 'none.db'}?mode=ro&uri=true"
        if settings.is_sqlite
        else f"postgresql+psycopg://signalbox@/none?host={tmp_path}"
    )
    app = create_app(settings.model_copy(update={"database_url": gone}))
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"]["database"] == "unreachable"
    with app.app_context():
        db.engine.dispose()
    slots.close_redis(app)


def test_a_disk_that_takes_no_more_is_noticed_by_writing(tmp_path: Path) -> None:
    """In a process that may not extend files: to SQLite that is a full disk."""
    path = tmp_path / "full.db"
    engine = create_engine(f"sqlite:///{path}")
    prepare_engine(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE things (name TEXT)"))
    assert write_refusal(engine) is None
    engine.dispose()
    told = subprocess.run(
        (sys.executable, "-c", _LIMITED, str(path)),
        cwd=PROJECT_DIR,
        capture_output=True,
        check=True,
        text=True,
    )
    assert told.stdout.split() == ["None", "write_failed"]


_LIMITED = """
import resource, sys
from sqlalchemy import create_engine
from app.db.session import prepare_engine
from app.db.writability import write_refusal
engine = create_engine("sqlite:///" + sys.argv[1])
prepare_engine(engine)
print(write_refusal(engine))
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
print(write_refusal(engine))
"""


def test_a_writer_that_takes_its_time_is_not_a_database_without_writes(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context(), db.engine.begin():
        assert client.get("/readyz").get_json() == HEALTHY


def test_asking_often_asks_the_database_once(app: Flask, client: FlaskClient, monkeypatch: Any) -> None:
    asked: list[float] = []

    def counted() -> str:
        asked.append(time.monotonic())
        return "ok"

    monkeypatch.setattr(health, "_database_state", counted)
    monkeypatch.setattr(health, "_CHECK_EVERY_S", 3600.0)
    assert [client.get("/readyz").status_code for _ in range(50)] == [200] * 50
    assert len(asked) == 1
    monkeypatch.setattr(health, "_CHECK_EVERY_S", 0.0)
    client.get("/readyz")
    assert len(asked) == 2


def test_a_database_that_hangs_holds_one_request_and_is_told_to_the_others(
    app: Flask, client: FlaskClient, monkeypatch: Any
) -> None:
    goes_on, hangs = threading.Event(), threading.Event()

    def hang() -> str:
        hangs.set()
        assert goes_on.wait(60)
        return "ok"

    monkeypatch.setattr(health, "_database_state", hang)
    first = threading.Thread(target=app.test_client().get, args=("/readyz",))
    first.start()
    try:
        assert hangs.wait(30)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.get_json()["checks"]["database"]) == (503, "unreachable")
    finally:
        goes_on.set()
        first.join()
    assert client.get("/readyz").status_code == 200
