"""The product as `make run` starts it, for tests that use it from outside."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.webhooks.dispatch.programs import free_port

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
START_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 90.0
_LINK = re.compile(r"http://\S+/setup/\S+")
_RECEIVER = re.compile(r"Receiver\s+(http://127\.0\.0\.1:\d+)")


@dataclass(slots=True)
class Signalbox:
    """A running Signalbox: its address, the sign-up link of a first start, and all that it printed."""

    address: str
    data_dir: Path
    env: dict[str, str]
    lines: list[str] = field(default_factory=list)

    @property
    def output(self) -> str:
        """Everything printed so far."""
        return "".join(self.lines)

    @property
    def setup_link(self) -> str:
        """The one-time link of the first owner."""
        found = _LINK.search(self.output)
        assert found, self.output
        return found.group()

    @property
    def receiver(self) -> str:
        """The address of the demo receiver."""
        found = _RECEIVER.search(self.output)
        assert found, self.output
        return found.group(1)

    def flask(self, *arguments: str) -> str:
        """Run a `flask` command beside it; returns what it printed."""
        argv = (sys.executable, "-m", "flask", "--app", "wsgi", *arguments)
        done = subprocess.run(
            argv, cwd=PROJECT_DIR, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextlib.contextmanager
def signalbox_running(data_dir: Path) -> Iterator[Signalbox]:
    """Start everything on free loopback ports with its data in `data_dir`; stop it as Ctrl-C does."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR", "HOME")}
    env |= {"PORT": str(port), "DATA_DIR": str(data_dir), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    env["DEMO_RECEIVER_PORT"] = str(free_port())
    # A driven browser clicks faster than a person.
    env |= {"USER_REQUESTS_PER_MINUTE": "100000", "PUBLIC_REQUESTS_PER_MINUTE": "100000"}
    process = subprocess.Popen(
        (sys.executable, "-m", "app.local"),
        cwd=PROJECT_DIR,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    running = Signalbox(f"http://127.0.0.1:{port}", data_dir, env)
    reader = threading.Thread(target=_read, args=(process, running.lines))
    reader.start()
    try:
        _wait_for(process, running)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(5)
        assert process.stdout is not None
        process.stdout.close()


def _read(process: "subprocess.Popen[str]", lines: list[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)


def _wait_for(process: "subprocess.Popen[str]", running: Signalbox) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while "Signalbox is running." not in running.output or "Ctrl-C" not in running.output:
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"Signalbox did not start:\n{running.output}")
        time.sleep(0.05)
