"""The servers that the tests do not have: a PostgreSQL that really writes to disk, and nginx as the receiver."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from app.local import ports
from bench.programs import ProgramFailed, running

LOOPBACK = "127.0.0.1"
_USER = "signalbox"
# Everything that makes a commit durable stays as PostgreSQL ships it: fsync, synchronous_commit, full_page_writes.
_POSTGRES_OPTIONS = ("listen_addresses=", "max_connections=50", "shared_buffers=256MB", "max_wal_size=4GB")
_NGINX = """\
daemon off;
{user}
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx.log error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_body_buffer_size 64k;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  server {{ listen {host}:{port}; location / {{ default_type text/plain; return 200 "ok\\n"; }} }}
}}
"""


@contextlib.contextmanager
def durable_postgres(bin_dir: Path, directory: Path) -> Iterator[str]:
    """Run an empty cluster in `directory` with fsync on; yield the DATABASE_URL of an empty database in it."""
    account = _unprivileged()
    owner: dict[str, Any] = {"cwd": directory}
    if account is not None:
        os.chown(directory, account.pw_uid, account.pw_gid)
        owner |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}
    cluster = directory / "cluster"
    initdb = (str(bin_dir / "initdb"), "-D", str(cluster), "-U", _USER, "--auth=trust", "--encoding=UTF8")
    made = subprocess.run((*initdb, "--no-locale"), capture_output=True, text=True, check=False, **owner)
    if made.returncode:
        raise ProgramFailed(f"initdb failed:\n{made.stdout}{made.stderr}")
    argv = [str(bin_dir / "postgres"), "-D", str(cluster), "-k", str(directory)]
    for option in _POSTGRES_OPTIONS:
        argv += ["-c", option]
    server = f"postgresql://{_USER}@/{{}}?host={directory}"
    with running(
        argv,
        log=directory / "postgres.log",
        is_ready=lambda: _accepts(server.format("postgres")),
        stop_signal=signal.SIGINT,
        **owner,
    ):
        with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE signalbox")
        yield server.format("signalbox")


@contextlib.contextmanager
def nginx_receiver(directory: Path) -> Iterator[str]:
    """Run nginx answering every request with 200; yield its address. Raises LookupError where it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise LookupError("nginx is not installed")
    port = ports.any_free_port(LOOPBACK)
    config = directory / "nginx.conf"
    # As root its worker would otherwise change to an account that cannot enter this directory.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_NGINX.format(dir=directory, host=LOOPBACK, port=port, user=user))
    argv = (program, "-p", str(directory), "-e", str(directory / "nginx.log"), "-c", str(config))
    with running(argv, log=directory / "nginx.log", is_ready=lambda: listens(port)):
        yield f"http://{LOOPBACK}:{port}/hook"


def listens(port: int) -> bool:
    """Return whether something on loopback accepts connections to the port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _accepts(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _unprivileged() -> pwd.struct_passwd | None:
    """Return the account to run PostgreSQL as, which refuses root; None for our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ProgramFailed("PostgreSQL does not run as root; run the benchmark as another user.")
