"""A whole Signalbox of real programs on loopback, with its own data, that can be killed piece by piece."""

import os
import random
import secrets
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import redis as redis_py
from flask import Flask

from app.api_keys.services import create_key
from app.config import AppEnv, load_settings
from app.db.migrations import upgrade
from app.extensions import db
from app.factory import create_app
from app.web.permissions import FULL
from tests import servers, slots
from tests.webhooks.dispatch.programs import Program, Redis, Web, Worker, free_port
from tests.webhooks.dispatch.scene import Scene, new_scene, wait_until

START_TIMEOUT_S = 60.0


class Postgres(Program):
    """A cluster of its own that loses nothing when it crashes; the tests' shared one may."""

    def __init__(self, directory: Path) -> None:
        bin_dir = servers.find_postgres()
        assert bin_dir is not None
        account = servers._server_account()
        self._socket_dir = directory
        self._identity = servers._as(account)
        if account is not None:
            os.chown(directory, account.pw_uid, account.pw_gid)
        cluster = directory / "cluster"
        subprocess.run(
            (
                bin_dir / "initdb",
                "-D",
                cluster,
                "-U",
                "signalbox",
                "-A",
                "trust",
                "--no-locale",
                "--encoding=UTF8",
                "--no-sync",
            ),
            check=True,
            capture_output=True,
            cwd=directory,
            **self._identity,
        )
        super().__init__(
            *(str(bin_dir / "postgres"), "-D", str(cluster), "-k", str(directory)),
            # fsync protects against power cuts, which are not simulated; commits survive crashes without it.
            *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=on"),
            log=directory / "postgres.log",
            identity=self._identity,
        )

    @property
    def url(self) -> str:
        return f"postgresql://signalbox@/postgres?host={self._socket_dir}"

    def start(self) -> None:
        super().start()
        wait_until(self._accepts, within_s=START_TIMEOUT_S)

    def crash(self) -> None:
        """End it as `pg_ctl stop -m immediate` does: no checkpoint, every connection cut."""
        os.kill(self.pid, signal.SIGQUIT)
        self.wait()

    def _accepts(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class Cluster:
    """All programs, and ways to break them."""

    def __init__(self, kind: str, directory: Path, *, lease_s: float) -> None:
        """Prepare a cluster on a kind of database. `directory` must have a short path: sockets go there."""
        self.kills: Counter[str] = Counter()
        self.postgres = Postgres(_made(directory / "pg")) if kind == "postgresql" else None
        self.redis = Redis(_made(directory / "redis"))
        data_dir = _made(directory / "data")
        self.settings = load_settings(
            app_env=AppEnv.TEST,
            data_dir=data_dir,
            database_url=self.postgres.url if self.postgres else f"sqlite:///{data_dir / 'signalbox.db'}",
            redis_url=self.redis.url,
            port=free_port(),
            secret_key=secrets.token_urlsafe(48),
            encryption_key=secrets.token_urlsafe(48),
            outbound_allowed_networks="127.0.0.0/8",
            dispatch_lease_s=lease_s,
            dispatch_slice_s=2.0,
        )
        self.worker = Worker(self.settings, directory)
        self.web = Web(self.settings, directory)
        self.app: Flask
        self.scene: Scene

    def open(self) -> None:
        """Start everything, with an empty, migrated database."""
        if self.postgres:
            self.postgres.start()
        self.redis.start()
        self.app = create_app(self.settings)
        upgrade(self.app, db)
        self.scene = new_scene(self.app)
        self.web.start()
        self.worker.start()
        wait_until(self.web.is_healthy, within_s=START_TIMEOUT_S)

    def close(self) -> None:
        """End everything."""
        for program in (self.worker, self.web, self.redis, self.postgres):
            if program is not None:
                program.kill_all()
        if hasattr(self, "app"):
            with self.app.app_context():
                db.session.remove()
                db.engine.dispose()
            slots.close_redis(self.app)

    def new_token(self) -> str:
        """Return an API key that may emit events."""
        with self.app.app_context():
            granted_by = frozenset({FULL})
            return create_key(
                self.scene.team_id,
                "chaos",
                scopes=["events:write"],
                granted_by=granted_by,
                per_hour=1_000_000,
                per_day=1_000_000,
            ).token

    def tracebacks(self) -> int:
        """How many stack traces the programs wrote."""
        return sum(program.output.count("Traceback") for program in (self.worker, self.web))

    # ---- Failures

    def ways_to_break(self) -> dict[str, Callable[[random.Random], None]]:
        """Return the ways to break it, by name."""
        ways: dict[str, Callable[[random.Random], None]] = {
            "dispatcher": self._kill_dispatcher,
            "worker": self._kill_worker,
            "web": self._kill_web,
            "redis": self._kill_redis,
            "flushall": self._flush,
        }
        if self.postgres:
            ways |= {"postgres": self._crash_postgres, "backends": self._cut_backends}
        return ways

    def _kill_dispatcher(self, _dice: random.Random) -> None:
        # After the worker itself was killed there is none for a while.
        wait_until(lambda: self.worker.dispatch_pid() in self.worker.family(), within_s=START_TIMEOUT_S)
        os.kill(self.worker.dispatch_pid(), signal.SIGKILL)
        self.kills["dispatcher"] += 1

    def _kill_worker(self, _dice: random.Random) -> None:
        self.worker.kill()
        self.kills["worker"] += 1
        self.worker.start()

    def _kill_web(self, _dice: random.Random) -> None:
        self.web.kill_all()
        self.kills["web"] += 1
        self.web.start()
        # Killed at every start it would never answer, which would test nothing.
        wait_until(self.web.is_healthy, within_s=START_TIMEOUT_S)

    def _kill_redis(self, dice: random.Random) -> None:
        self.redis.kill()
        self.kills["redis"] += 1
        time.sleep(dice.uniform(0, 1.5))
        self.redis.start()

    def _flush(self, _dice: random.Random) -> None:
        with redis_py.Redis.from_url(self.redis.url) as client:
            client.flushall()
        self.kills["flushall"] += 1

    def _crash_postgres(self, dice: random.Random) -> None:
        assert self.postgres is not None
        self.postgres.crash()
        self.kills["postgres"] += 1
        time.sleep(dice.uniform(0, 1.0))
        self.postgres.start()

    def _cut_backends(self, _dice: random.Random) -> None:
        with psycopg.connect(self.postgres.url if self.postgres else "", autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        self.kills["backends"] += 1


class Chaos:
    """Breaks a cluster at random moments, every way once a round, until told to stop."""

    def __init__(self, cluster: Cluster, *, seed: int, pause_s: tuple[float, float]) -> None:
        self.rounds = 0
        self.failures: list[BaseException] = []
        self._cluster, self._dice, self._pause_s = cluster, random.Random(seed), pause_s
        self._is_stopping, self._is_calm, self._is_over = (threading.Event() for _ in range(3))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.calm_down()
        self._is_over.set()
        self._thread.join(10)

    def calm_down(self) -> None:
        """Stop breaking things, once the current failure is repaired."""
        self._is_stopping.set()
        assert self._is_calm.wait(120)
        # The connections of the test itself were cut as well.
        with self._cluster.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def _run(self) -> None:
        self._break_things()
        self._is_calm.set()
        # Programs that were started on this thread would get a signal when it ends.
        self._is_over.wait()

    def _break_things(self) -> None:
        try:
            while not self._is_stopping.is_set():
                ways = list(self._cluster.ways_to_break().values())
                self._dice.shuffle(ways)
                for break_it in ways:
                    if self._is_stopping.wait(self._dice.uniform(*self._pause_s)):
                        return
                    break_it(self._dice)
                self.rounds += 1
        except BaseException as error:
            self.failures.append(error)


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory
