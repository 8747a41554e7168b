"""A throw-away installation of Signalbox on loopback, as `make run` would start it, on either database."""

import contextlib
import http.client
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from redis import Redis

from app.config import AppEnv, load_settings
from app.db.migrations import upgrade
from app.extensions import db
from app.factory import create_app
from app.local import ports
from bench import programs, servers
from bench.programs import Child
from tests.servers import HOW_TO_GET_POSTGRES, find_postgres, redis_running

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_SLICES = "signalbox:slices"
#: The web server as `make run` starts it.
SIGNALBOX = (sys.executable, "-m", "app.server")


@dataclass(frozen=True, slots=True)
class Web:
    """A running web server."""

    host: str
    port: int
    pid: int


class Environment:
    """One database, one Redis, and the means to run programs on them. Its app context is entered."""

    def __init__(self, database: str, directory: Path, *, database_url: str, redis_url: str) -> None:
        self.database = database
        self.directory = directory
        self.redis_url = redis_url
        self._env = {
            "APP_ENV": AppEnv.PRODUCTION.value,
            "DATA_DIR": str(directory),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "ENCRYPTION_KEY": secrets.token_urlsafe(48),
            "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8",
            "LOG_LEVEL": "WARNING",
        }
        overrides = {name.lower(): value for name, value in self._env.items()}
        self.app: Flask = create_app(load_settings(**overrides))

    def env(self, **settings: str) -> dict[str, str]:
        """Return the environment of a program; `settings` in the spelling of the environment."""
        return {**os.environ, **self._env, **settings}

    def child(self, name: str, settings: dict[str, Any], **env: str) -> Child:
        """Start a program of `bench.children`."""
        return Child(name, settings, self.env(**env), self._log(name))

    @contextlib.contextmanager
    def web(self, argv: Sequence[str] = (), **env: str) -> Iterator[Web]:
        """Run the web server, as `make run` does unless `argv` says otherwise (`{port}` is filled in)."""
        port = ports.any_free_port(servers.LOOPBACK)
        command = [part.format(port=port) for part in argv or SIGNALBOX]
        with programs.running(
            command,
            log=self._log("web"),
            env=self.env(PORT=str(port), **env),
            is_ready=lambda: _is_healthy(port),
        ) as process:
            yield Web(servers.LOOPBACK, port, process.pid)

    @contextlib.contextmanager
    def worker(self, **env: str) -> Iterator[int]:
        """Run the worker; yield its process id once a slice runs."""
        with Redis.from_url(self.redis_url) as redis:
            redis.delete(_SLICES)
            with programs.running(
                (sys.executable, "worker.py"),
                log=self._log("worker"),
                env=self.env(**env),
                is_ready=lambda: bool(redis.zcard(_SLICES)),
            ) as process:
                yield process.pid

    def receiver(self, delay_s: float | None, *, notes_arrivals: bool = False) -> tuple[Child, str]:
        """Start a receiver that takes its time, or never answers (None); return it and its address."""
        child = self.child("receiver", {"delay_s": delay_s, "notes_arrivals": notes_arrivals})
        return child, f"http://{servers.LOOPBACK}:{child.answer()['port']}/hook"

    def complaints(self) -> str:
        """Return the last lines that each program printed."""
        parts = [f"{log.name}:\n{programs.tail(log)}" for log in sorted(self.directory.glob("*.log"))]
        return "\n".join(part for part in parts if not part.endswith(":\n"))

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"


@contextlib.contextmanager
def environment_running(database: str) -> Iterator[Environment]:
    """Set up an installation with an empty, migrated database; everything is gone afterwards."""
    with contextlib.ExitStack() as stack:
        # Short, because the paths of sockets must be.
        name = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="sb-bench-", dir="/tmp", ignore_cleanup_errors=True)
        )
        directory = Path(name)
        directory.chmod(0o711)  # PostgreSQL's own account passes through it.
        if database == SQLITE:
            database_url = f"sqlite:///{directory / 'signalbox.db'}"
        else:
            bin_dir = find_postgres()
            if bin_dir is None:
                raise LookupError(f"There is no PostgreSQL server here; {HOW_TO_GET_POSTGRES}")
            (directory / "postgres").mkdir()
            database_url = stack.enter_context(servers.durable_postgres(bin_dir, directory / "postgres"))
        redis_url = stack.enter_context(redis_running())
        environment = Environment(database, directory, database_url=database_url, redis_url=redis_url)
        stack.enter_context(environment.app.app_context())
        stack.callback(db.engine.dispose)
        upgrade(environment.app, db)
        yield environment


@contextlib.contextmanager
def fast_receiver(environment: Environment) -> Iterator[str]:
    """Run the fastest receiver there is here: nginx, else one in Python; yield its address."""
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(servers.nginx_receiver(environment.directory))
        except LookupError:
            child, url = environment.receiver(0.0)
            stack.enter_context(child)
        yield url


def granian(*, threads: int) -> tuple[str, ...]:
    """Return the command of granian, which the web server is compared with."""
    return (
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", servers.LOOPBACK),
        *("--port", "{port}", "--workers", "1", "--blocking-threads", str(threads)),
        *("--http", "1", "--no-ws", "--no-access-log", "--log-level", "warning"),
        *("--workers-kill-timeout", "10", "wsgi:app"),
    )


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(servers.LOOPBACK, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
