"""Real servers for the tests: started on unix sockets in a temporary directory, gone with the test session."""

import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from app.local import processes, redis_server

START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0
_POSTGRES_USER = "signalbox"
HOW_TO_GET_POSTGRES = (
    "install its server (Debian, Ubuntu: apt install postgresql; macOS: brew install postgresql)"
)
HOW_TO_GET_CHROMIUM = (
    "install one (Debian: apt install chromium) or run: .venv/bin/playwright install chromium"
)


class ServerFailed(Exception):
    """A server for the tests did not start; the message holds its output."""


@functools.cache
def find_postgres() -> Path | None:
    """Return the directory of PostgreSQL's server programs, the newest where several are installed."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for name in ("initdb", "postgres"):
        if found := shutil.which(name):
            candidates.append(Path(found).resolve().parent)
    for directory in candidates:
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return directory
    return None


def find_chromium() -> Path | None:
    """Return the browser to drive, installed on the system or fetched by Playwright."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return Path(found)
    fetched = Path.home() / ".cache" / "ms-playwright"
    return next(iter(sorted(fetched.glob("chromium-*/chrome-linux*/chrome"), reverse=True)), None)


@contextlib.contextmanager
def redis_running() -> Iterator[str]:
    """Run an empty Redis; yield its REDIS_URL."""
    with _short_dir() as directory:
        socket_path = directory / "redis.sock"
        server = redis_server.find_redis_server()
        argv = redis_server.redis_argv(server, socket_path=socket_path, storage_dir=directory)
        with _running(argv, directory / "redis.log", stop_signal=signal.SIGTERM) as process:
            _wait_until(lambda: redis_server.answers(socket_path), process, directory / "redis.log")
            yield redis_server.socket_url(socket_path)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running cluster that trusts everybody who can open its socket."""

    socket_dir: Path

    def url(self, name: str) -> str:
        """Return the DATABASE_URL of the database `name`."""
        return f"postgresql://{_POSTGRES_USER}@/{name}?host={self.socket_dir}"

    def create(self, name: str) -> str:
        """Create an empty database; return its DATABASE_URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)


@contextlib.contextmanager
def postgres_running(bin_dir: Path) -> Iterator[Postgres]:
    """Run an empty cluster, without durability in a power cut, for speed."""
    with _short_dir() as directory:
        account = _server_account()
        if account is not None:
            os.chown(directory, account.pw_uid, account.pw_gid)
        log = directory / "postgres.log"
        cluster = directory / "cluster"
        initdb = (str(bin_dir / "initdb"), "-D", str(cluster), "-U", _POSTGRES_USER, "--auth=trust")
        made = subprocess.run(
            (*initdb, "--encoding=UTF8", "--no-locale", "--no-sync"),
            capture_output=True,
            text=True,
            cwd=directory,
            check=False,
            **_as(account),
        )
        if made.returncode:
            raise ServerFailed(f"initdb failed:\n{made.stdout}{made.stderr}")
        # No TCP: a socket of our own cannot collide with another run's port.
        options = (
            *("listen_addresses=", "max_connections=200"),
            *("fsync=off", "synchronous_commit=off", "full_page_writes=off"),
        )
        argv = (
            *(str(bin_dir / "postgres"), "-D", str(cluster), "-k", str(directory)),
            *(part for option in options for part in ("-c", option)),
        )
        # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
        with _running(argv, log, stop_signal=signal.SIGINT, account=account) as process:
            postgres = Postgres(directory)
            _wait_until(lambda: _accepts(postgres), process, log)
            yield postgres


def _accepts(postgres: Postgres) -> bool:
    try:
        psycopg.connect(postgres.url("postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextlib.contextmanager
def _running(
    argv: tuple[str, ...], log: Path, *, stop_signal: signal.Signals, account: pwd.struct_passwd | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    tests_pid = os.getpid()
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,
            preexec_fn=lambda: processes.end_with_parent(tests_pid),
            **_as(account),
        )
    try:
        yield process
    finally:
        process.send_signal(stop_signal)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            processes.kill_group(process.pid)
            process.wait()


def _wait_until(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerFailed(f"{process.args!r} did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)


@contextlib.contextmanager
def _short_dir() -> Iterator[Path]:
    # Not pytest's tmp_path: a socket's path must stay under some 100 bytes.
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _server_account() -> pwd.struct_passwd | None:
    """Return the account to run PostgreSQL as, which refuses root; None for our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServerFailed(
        "PostgreSQL does not run as root, and there is neither a 'postgres' nor a 'nobody' account."
    )


def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}


def _version(bin_dir: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in bin_dir.parent.name.split(".") if part.isdigit())
