"""Fixtures everything builds on: real databases, a real Redis, the application on top.

A test that asks for `app`, `client` or `database_url` runs once per database: SQLite, and PostgreSQL where its
server can be found. It starts with empty tables and an empty Redis.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import text

from app.config import AppEnv, Settings, load_settings
from app.db.migrations import upgrade
from app.extensions import db
from app.factory import create_app
from tests import servers

#: Fixtures for all: `people` and `visitor`, `page`.
pytest_plugins = ("tests.people", "tests.page")

SQLITE, POSTGRESQL = "sqlite", "postgresql"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=[SQLITE, POSTGRESQL, "both"],
        default="both",
        help="the databases to test on; 'both' leaves PostgreSQL out where it is not installed",
    )


def pytest_configure(config: pytest.Config) -> None:
    # What the developer's shell or `make run` configures is nothing to the tests.
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)
    wanted = config.getoption("--database")
    has_postgres = servers.find_postgres() is not None
    if not has_postgres and wanted == POSTGRESQL:
        raise pytest.UsageError(f"No PostgreSQL server found: {servers.HOW_TO_GET_POSTGRES}.")
    if os.environ.get("CI"):
        # What is left out silently in CI is not tested anywhere.
        if not has_postgres and wanted == "both":
            raise pytest.UsageError(f"CI without PostgreSQL: {servers.HOW_TO_GET_POSTGRES}.")
        if servers.find_chromium() is None:
            raise pytest.UsageError(f"CI without Chromium: {servers.HOW_TO_GET_CHROMIUM}.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if POSTGRESQL not in _databases(config) and config.getoption("--database") == "both":
        terminalreporter.write_line(
            f"Left out: all tests on PostgreSQL. To run them, {servers.HOW_TO_GET_POSTGRES}.", yellow=True
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        metafunc.parametrize("database_kind", _databases(metafunc.config))


def _databases(config: pytest.Config) -> list[str]:
    wanted = config.getoption("--database")
    if wanted != "both":
        return [wanted]
    return [SQLITE, POSTGRESQL] if servers.find_postgres() else [SQLITE]


class Stage:
    """What is expensive to set up and the same for every test: one migrated database and app per kind."""

    def __init__(self, directory: Path, redis_url: str) -> None:
        self._directory = directory
        self._redis_url = redis_url
        self._apps: dict[str, Flask] = {}
        self._servers = ExitStack()
        self._postgres: servers.Postgres | None = None

    def settings(self, kind: str) -> Settings:
        """Return the settings of the app on this kind of database."""
        settings: Settings = self.app(kind).config["SETTINGS"]
        return settings

    def app(self, kind: str) -> Flask:
        """Return the app; the first call starts the server and migrates."""
        if kind not in self._apps:
            app = create_app(self._new_settings(kind))
            upgrade(app, db)
            self._apps[kind] = app
        return self._apps[kind]

    def new_postgres_database(self, name: str) -> str:
        """Create an empty database beside the app's; return its DATABASE_URL."""
        if self._postgres is None:
            bin_dir = servers.find_postgres()
            if bin_dir is None:
                raise servers.ServerFailed(f"No PostgreSQL server found: {servers.HOW_TO_GET_POSTGRES}.")
            self._postgres = self._servers.enter_context(servers.postgres_running(bin_dir))
        return self._postgres.create(name)

    def empty(self, kind: str) -> None:
        """Delete every row and every key."""
        with self.app(kind).app_context(), db.engine.begin() as connection:
            tables = [f'"{table.name}"' for table in reversed(db.metadata.sorted_tables)]
            if kind == POSTGRESQL:
                connection.execute(text(f"TRUNCATE {', '.join(tables)} CASCADE"))
            else:
                for table in tables:
                    connection.execute(text(f"DELETE FROM {table}"))
        with Redis.from_url(self._redis_url) as redis:
            redis.flushall()

    def close(self) -> None:
        """Close every connection and stop the servers."""
        for app in self._apps.values():
            with app.app_context():
                db.session.remove()
                db.engine.dispose()
            app.extensions["signalbox.redis"].close()
        self._servers.close()

    def _new_settings(self, kind: str) -> Settings:
        data_dir = self._directory / kind
        data_dir.mkdir()
        return load_settings(
            app_env=AppEnv.TEST,
            data_dir=data_dir,
            database_url=self._database_url(kind, data_dir),
            redis_url=self._redis_url,
            secret_key=secrets.token_urlsafe(48),
            encryption_key=secrets.token_urlsafe(48),
            outbound_allowed_networks="127.0.0.0/8,[::1]/128",
            # People of tests click faster than people; tests of limits set their own.
            user_requests_per_minute=100_000,
            public_requests_per_minute=100_000,
        )

    def _database_url(self, kind: str, data_dir: Path) -> str:
        if kind == SQLITE:
            return f"sqlite:///{data_dir / 'signalbox.db'}"
        return self.new_postgres_database("signalbox")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Yield the address of a Redis that the tests have to themselves."""
    with servers.redis_running() as url:
        yield url


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Stage]:
    """Yield the shared databases and apps."""
    shared = Stage(tmp_path_factory.mktemp("stage"), redis_url)
    try:
        yield shared
    finally:
        shared.close()


@pytest.fixture
def app(stage: Stage, database_kind: str) -> Iterator[Flask]:
    """Yield the application over empty tables."""
    stage.empty(database_kind)
    app = stage.app(database_kind)
    yield app
    with app.app_context():
        db.session.remove()


@pytest.fixture
def settings(app: Flask) -> Settings:
    """Return the settings of `app`."""
    settings: Settings = app.config["SETTINGS"]
    return settings


@pytest.fixture
def database_url(settings: Settings) -> str:
    """Return the address of a migrated, empty database."""
    return settings.database_url


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return somebody's browser without a session."""
    return app.test_client()


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the browser to drive; skips where there is none, which CI does not allow."""
    found = servers.find_chromium()
    if found is None:
        pytest.skip(f"No Chromium found: {servers.HOW_TO_GET_CHROMIUM}.")
    return found
