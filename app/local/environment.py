"""The data directory and `local.env` in it: what a first start decides so that nobody has to configure anything.

The file has two parts. Above the mark stands what was generated once and may be edited. Below it stands what is
true for the running stack only, written again at every start, so that `flask` commands use the same services.
"""

import contextlib
import fcntl
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

MARK = "# ---- Below: written by `make run` at every start. Changes there are lost. ----"

_HEADER = """\
# Settings of this machine, made by the first `make run`. Keep it private and keep it with the data:
# without ENCRYPTION_KEY the stored secrets cannot be read any more. Variables of the environment win over it.
"""
_NETWORKS_COMMENT = """
# Development only: lets webhooks reach receivers on this very machine, such as the demo receiver. In production
# leave it out, or whoever may add a webhook can reach what listens on the server's own loopback.
"""


class AlreadyRunning(Exception):
    """Another `make run` uses this data directory."""


def make_data_dir(data_dir: Path) -> None:
    """Create the directory for its owner alone, if it is not there."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)


def lock(data_dir: Path) -> int:
    """Take the data directory for this process and those it forks; return the descriptor that holds it.

    The lock ends with the last of them, also when killed. Raises `AlreadyRunning`.
    """
    path = data_dir / "local.lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(fd, 32).decode("ascii", "replace").strip()
        os.close(fd)
        raise AlreadyRunning(
            f"Signalbox already runs on {data_dir}{f' (process {owner})' if owner else ''}.\n"
            "Stop it first, or give this one data of its own: DATA_DIR=./data2 PORT=8001 make run"
        ) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def ensure_local_env(data_dir: Path) -> None:
    """Write `local.env` with fresh secrets, or add to an existing one what it lacks. Existing values stay."""
    path = data_dir / "local.env"
    own, managed = _read(path)
    present = _names(own)
    text = own or _HEADER
    if "APP_ENV" not in present:
        text = _append(text, "APP_ENV=development\n")
    for name in ("SECRET_KEY", "ENCRYPTION_KEY"):
        if name not in present:
            text = _append(text, f"{name}={secrets.token_urlsafe(48)}\n")
    # Only at the first start: a line that was removed later was removed on purpose.
    if not own:
        text = _append(text, f"{_NETWORKS_COMMENT}OUTBOUND_ALLOWED_NETWORKS=127.0.0.0/8,[::1]/128\n")
    if text != own:
        _write(path, text, managed)
    path.chmod(0o600)


def write_managed(data_dir: Path, values: Mapping[str, str]) -> None:
    """Replace the part of `local.env` below the mark."""
    path = data_dir / "local.env"
    own, _ = _read(path)
    _write(path, own, "".join(f"{name}={value}\n" for name, value in values.items()))


def is_chosen(data_dir: Path, name: str) -> bool:
    """Return whether somebody set the variable: in the environment, or in `local.env` above the mark."""
    return bool(os.environ.get(name)) or name in _names(_read(data_dir / "local.env")[0])


def _read(path: Path) -> tuple[str, str]:
    with contextlib.suppress(FileNotFoundError):
        own, _, managed = path.read_text().partition(MARK)
        return own.rstrip("\n") + "\n" if own.strip() else "", managed.lstrip("\n")
    return "", ""


def _names(text: str) -> set[str]:
    lines = (line.strip().removeprefix("export ") for line in text.splitlines())
    return {line.partition("=")[0].strip() for line in lines if "=" in line and not line.startswith("#")}


def _append(text: str, more: str) -> str:
    return text + ("" if text.endswith("\n") else "\n") + more


def _write(path: Path, own: str, managed: str) -> None:
    # A new file is moved over the old one: a crash in between leaves the secrets as they were.
    fd, temporary = tempfile.mkstemp(prefix=".local.env-", dir=path.parent)
    try:
        with os.fdopen(fd, "w") as file:
            file.write(own)
            if managed:
                file.write(f"\n{MARK}\n{managed}")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
