"""The real programs as children of a test: started, stopped and killed by it, gone with it."""

import contextlib
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from app.config import PROJECT_DIR, Settings
from app.local import processes, redis_server
from tests.webhooks.dispatch.scene import wait_until

STOP_TIMEOUT_S = 90.0


class Program:
    """A program that can be started again and again. What it prints goes to `log`."""

    def __init__(
        self,
        *argv: str,
        env: Mapping[str, str] | None = None,
        log: Path,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.log = log
        self._identity = identity or {}
        self._argv = argv
        self._env = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def entries(self) -> list[dict[str, object]]:
        """Its log lines that are JSON objects."""
        found = []
        for line in self.output.splitlines():
            if line.startswith("{"):
                with contextlib.suppress(orjson.JSONDecodeError):
                    found.append(orjson.loads(line))
        return found

    def start(self) -> None:
        tests_pid = os.getpid()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._argv,
                cwd=PROJECT_DIR,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: processes.end_with_parent(tests_pid),
                **self._identity,
            )

    def kill(self) -> None:
        """Kill -9 of the process itself and of nothing below it."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def kill_all(self) -> None:
        """Kill -9 of everything in its group."""
        if self._process is not None:
            processes.kill_group(self._process.pid)
            self._process.wait()

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        assert self._process is not None
        return self._process.wait(STOP_TIMEOUT_S)

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def family(self) -> set[int]:
        return processes.descendants(self.pid)


def is_alive(pid: int) -> bool:
    """Return whether the process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class Redis(Program):
    """A Redis of its own that keeps its data over restarts."""

    def __init__(self, directory: Path) -> None:
        self.socket_path = directory / "own-redis.sock"
        argv = redis_server.redis_argv(
            redis_server.find_redis_server(), socket_path=self.socket_path, storage_dir=directory
        )
        super().__init__(*argv, log=directory / "redis.log")

    @property
    def url(self) -> str:
        return redis_server.socket_url(self.socket_path)

    def start(self) -> None:
        super().start()
        wait_until(lambda: redis_server.answers(self.socket_path))


class Worker(Program):
    """`worker.py`."""

    def __init__(self, settings: Settings, directory: Path, **changes: object) -> None:
        super().__init__(
            sys.executable,
            "worker.py",
            env=environment(settings.model_copy(update=changes)),
            log=directory / "worker.log",
        )

    def dispatch_pid(self) -> int:
        """Return the process that dispatches now; 0 before there is one."""
        pids = [
            entry["pid"]
            for entry in self.entries
            if entry.get("event") == "worker_process_started" and entry.get("queue") == "dispatch"
        ]
        return int(str(pids[-1])) if pids else 0


class Web(Program):
    """The web server, as `make run` starts it."""

    def __init__(self, settings: Settings, directory: Path, *, workers: int = 1) -> None:
        self._port = settings.port
        super().__init__(
            *(sys.executable, "-m", "app.server"),
            env=environment(settings) | {"PORT": str(settings.port), "WEB_WORKERS": str(workers)},
            log=directory / "web.log",
        )

    def is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def free_port() -> int:
    """Return a port that nobody listens on right now. It is below the range from which connections get theirs."""
    while True:
        # Not `random`: its seed is the same in every process that runs tests.
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def environment(settings: Settings) -> dict[str, str]:
    """Return the settings as the environment of a program."""
    names = (
        "app_env data_dir database_url redis_url secret_key encryption_key outbound_allowed_networks"
        " dispatch_slice_s dispatch_lease_s dispatch_workers worker_queues smtp_url public_requests_per_minute user_requests_per_minute"
    )
    env = {name.upper(): str(getattr(settings, name)) for name in names.split()}
    env["DATABASE_URL"] = env["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://")
    return env | {"LOG_FORMAT": "json", "APP_ENV": settings.app_env.value}


@contextlib.contextmanager
def running(*programs: Program) -> Iterator[None]:
    """Start the programs in this order; at the end kill what is left of them."""
    try:
        for program in programs:
            program.start()
        yield
    finally:
        for program in reversed(programs):
            program.kill_all()


def wait_until_dead(pids: set[int], *, within_s: float = STOP_TIMEOUT_S) -> None:
    """Return when none of the processes is left."""
    wait_until(lambda: not any(is_alive(pid) for pid in pids), within_s=within_s)
