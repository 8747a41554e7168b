"""Fixtures everything builds on: real databases, a real Redis, the application on top.

A test that asks for `app`, `client` or `database_url` starts with empty tables and an empty Redis. It runs on SQLite;
marked `postgresql` (or with `--database both`, as in CI) once more on PostgreSQL, where its server can be found.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, event, text

from app.config import AppEnv, Settings, load_settings
from app.db.migrations import upgrade
from app.db.session import refuse_writes_while_reading
from app.extensions import db
from app.factory import create_app
from app.lib import clock
from tests import servers, slots

#: Fixtures for all: `people` and `visitor`, `page`, `api`, `samples`, `factories`; and the option `--times`.
pytest_plugins = (
    "tests.people",
    "tests.page",
    "tests.api_client",
    "tests.samples",
    "tests.times",
    "tests.webhooks.deliveries.factories",
)

SQLITE, POSTGRESQL = "sqlite", "postgresql"
MARKED, BOTH = "marked", "both"
#: Long enough for a busy machine: a late Redis must not count as one that is down.
REDIS_TIMEOUT_S = 10.0
_real_gensalt = bcrypt.gensalt


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=[SQLITE, POSTGRESQL, MARKED, BOTH],
        default=MARKED,
        help="the databases to test on; 'marked': SQLite, and PostgreSQL for tests with that mark; 'both': all on"
        " both. PostgreSQL is left out where it is not installed",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Tests ignore the configuration of the developer's shell and of `make run`.
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)
    wanted = config.getoption("--database")
    has_postgres = servers.find_postgres() is not None
    if not has_postgres and wanted == POSTGRESQL:
        raise pytest.UsageError(f"No PostgreSQL server found: {servers.HOW_TO_GET_POSTGRES}.")
    if os.environ.get("CI"):
        # In CI nothing is skipped silently.
        if not has_postgres and wanted != SQLITE:
            raise pytest.UsageError(f"CI without PostgreSQL: {servers.HOW_TO_GET_POSTGRES}.")
        if servers.find_chromium() is None:
            raise pytest.UsageError(f"CI without Chromium: {servers.HOW_TO_GET_CHROMIUM}.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--database") in (MARKED, BOTH) and servers.find_postgres() is None:
        terminalreporter.write_line(
            f"Left out: all tests on PostgreSQL. To run them, {servers.HOW_TO_GET_POSTGRES}.", yellow=True
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        is_marked = metafunc.definition.get_closest_marker(POSTGRESQL) is not None
        metafunc.parametrize(
            "database_kind", _databases(metafunc.config.getoption("--database"), is_marked=is_marked)
        )


def _databases(wanted: str, *, is_marked: bool) -> list[str]:
    if wanted in (SQLITE, POSTGRESQL):
        return [wanted]
    is_on_both = (wanted == BOTH or is_marked) and servers.find_postgres() is not None
    return [SQLITE, POSTGRESQL] if is_on_both else [SQLITE]


class TestApps:
    """What is expensive to set up and the same for every test: one migrated database and app per kind."""

    __test__ = False

    def __init__(self, directory: Path, redis_url: str) -> None:
        self._directory = directory
        self._redis_url = redis_url
        self._apps: dict[str, Flask] = {}
        self._extensions: dict[str, dict[str, Any]] = {}
        self._servers = ExitStack()
        self._postgres: servers.Postgres | None = None

    def settings(self, kind: str) -> Settings:
        """Return the settings of the app on this kind of database."""
        settings: Settings = self.app(kind).config["SETTINGS"]
        return settings

    def app(self, kind: str) -> Flask:
        """Return the app; the first call starts the server and migrates."""
        if kind not in self._apps:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("app.extensions.QUICK_TIMEOUT_S", REDIS_TIMEOUT_S)
                app = create_app(self._new_settings(kind))
            with app.app_context():
                refuse_writes_while_reading(db.engine)
                if kind == SQLITE:
                    forget_power_cuts(db.engine)
            upgrade(app, db)
            self._apps[kind] = app
            self._extensions[kind] = dict(app.extensions)
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
        """Delete every row and every key, and reset the process: outages of Redis, counts without it."""
        extensions = self.app(kind).extensions
        extensions.clear()
        extensions.update(self._extensions[kind])
        with self.app(kind).app_context(), db.engine.begin() as connection:
            names = [table.name for table in reversed(db.metadata.sorted_tables)]
            # Checking a table is cheap; truncating makes new files for it and each of its indexes.
            looks = (f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in names)
            filled = set(connection.scalars(text(" UNION ALL ".join(looks))))
            for name in names:
                if name in filled:
                    connection.execute(text(f'DELETE FROM "{name}"'))
        with Redis.from_url(self._redis_url) as redis:
            redis.flushall()

    def close(self) -> None:
        """Close every connection and stop the servers."""
        for app in self._apps.values():
            with app.app_context():
                db.session.remove()
                db.engine.dispose()
            slots.close_redis(app)
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
            # Tests send requests faster than people; tests of limits set their own.
            user_requests_per_minute=100_000,
            public_requests_per_minute=100_000,
        )

    def _database_url(self, kind: str, data_dir: Path) -> str:
        if kind == SQLITE:
            return f"sqlite:///{data_dir / 'signalbox.db'}"
        return self.new_postgres_database("signalbox")


def forget_power_cuts(engine: Engine) -> None:
    """Let new connections to SQLite answer before the disk does. A killed process still loses nothing."""
    event.listen(engine, "connect", lambda raw, _record: raw.execute("PRAGMA synchronous = OFF"))


@pytest.fixture(scope="session", autouse=True)
def quick_bcrypt() -> Iterator[None]:
    """Hash with the fewest rounds that bcrypt allows: most tests sign somebody in, few are about the cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bcrypt, "gensalt", lambda *_args, **_options: _real_gensalt(4))
        yield


@pytest.fixture
def costly_bcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with the configured rounds, in a test about the cost."""
    monkeypatch.setattr(bcrypt, "gensalt", _real_gensalt)


@pytest.fixture
def advance_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that advances `app.lib.clock` by seconds. The clocks of databases and Redis stay."""
    epoch_s, passed_s = clock.epoch_s, 0.0

    def advance(seconds: float) -> None:
        nonlocal passed_s
        passed_s += seconds
        monkeypatch.setattr(clock, "epoch_s", lambda: epoch_s() + passed_s)

    return advance


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Yield the address of a Redis that the tests have to themselves."""
    with servers.redis_running() as url:
        yield url


@pytest.fixture(scope="session")
def test_apps(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[TestApps]:
    """Yield the shared databases and apps."""
    shared = TestApps(tmp_path_factory.mktemp("test_apps"), redis_url)
    try:
        yield shared
    finally:
        shared.close()


@pytest.fixture
def app(test_apps: TestApps, database_kind: str) -> Iterator[Flask]:
    """Yield the application over empty tables."""
    test_apps.empty(database_kind)
    app = test_apps.app(database_kind)
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
