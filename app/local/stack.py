"""The supervisor: starts children in order, passes on their output, restarts those that die, stops all in reverse.

One thread and one selector. Signals, the end of a child and its output all arrive as readable descriptors, so
there is no moment at which a signal could be lost or a child forgotten.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.local import processes
from app.local.children import Child, ChildSpec, Reader
from app.local.guardian import Lifeline
from app.local.output import Output

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_TURN_S = 0.5
_READY_POLL_S = 0.05
_BACK_OFF_FIRST_S = 0.5
_BACK_OFF_MAX_S = 15.0
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Timeouts and restart limits of the supervisor."""

    grace_s: float = 15.0
    deaths_max: int = 5
    deaths_window_s: float = 60.0


class _Stop(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class Stack:
    """Runs the children until a signal, a crash loop or the guardian's end."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        output: Output,
        env: Mapping[str, str],
        working_dir: Path,
        lifeline: Lifeline | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._specs = tuple(specs)
        self._output = output
        self._env = dict(env)
        self._working_dir = working_dir
        self._lifeline = lifeline
        self._limits = limits or Limits()
        self._children: dict[str, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._is_stopping = False
        self._is_forced = False

    def run(self, announce: Callable[["Stack"], None]) -> int:
        """Start everything, call `announce` once all is ready, and stay until told to stop.

        Returns 0 after a signal, 1 when a step failed or a child kept dying. Nothing is left behind either way.
        """
        processes.adopt_orphans()
        with self._signals():
            try:
                for spec in self._specs:
                    self._bring_up(spec)
                announce(self)
                while True:
                    self._turn(_TURN_S)
            except _Stop as stop:
                return stop.code
            finally:
                self._stop_all()

    def ask(self, name: str, argv: Sequence[str], *, timeout_s: float) -> tuple[int, str]:
        """Run a short command beside the others; return its exit code and what it printed.

        A command that takes longer than `timeout_s` is killed (code -9). What it writes to standard error is shown.
        """
        child = self._start(ChildSpec(name, tuple(argv), is_step=True), answer=[])
        deadline = time.monotonic() + timeout_s
        while child.is_alive:
            if time.monotonic() > deadline:
                processes.kill_group(child.pid)
            self._turn(_READY_POLL_S)
        return child.code or 0, "\n".join(child.answer or [])

    def _bring_up(self, spec: ChildSpec) -> None:
        child = self._start(spec)
        patience_ends_at = time.monotonic() + _PATIENCE_S
        while spec.is_step and child.is_alive:
            self._turn(_READY_POLL_S)
        if spec.is_step and child.code:
            self._output.say(f"{spec.name} failed with {_describe(child.code)}; nothing more is started.")
            raise _Stop(1)
        while spec.is_ready is not None and not spec.is_ready():
            self._turn(_READY_POLL_S)
            if time.monotonic() > patience_ends_at:
                self._output.say(f"{spec.name} does not answer yet; still waiting. Ctrl-C gives up.")
                patience_ends_at = time.monotonic() + _PATIENCE_S

    def _start(self, spec: ChildSpec, *, answer: list[str] | None = None) -> Child:
        supervisor_pid = os.getpid()
        # preexec_fn is safe here: this process never has a second thread.
        process = subprocess.Popen(
            spec.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._working_dir,
            env=self._env,
            start_new_session=True,
            preexec_fn=lambda: processes.end_with_parent(supervisor_pid),
        )
        if self._lifeline is not None:
            self._lifeline.report_group(process.pid)
        previous = self._children.get(spec.name)
        child = Child(spec, process, time.monotonic(), answer=answer)
        if previous is not None:
            child.deaths = previous.deaths
        self._children[spec.name] = child
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                is_answer = answer is not None and stream is process.stdout
                reader = Reader(child, stream.fileno(), self._output, answer if is_answer else None)
                self._selector.register(stream, selectors.EVENT_READ, reader)
        return child

    def _turn(self, timeout_s: float) -> None:
        """Wait for an event and handle it. Raises `_Stop` unless already stopping."""
        for key, _ in self._selector.select(self._wait_s(timeout_s)):
            if isinstance(key.data, Reader):
                if not key.data.read():
                    self._close(key.fileobj)
            else:
                key.data()
        self._reap()
        if self._is_stopping:
            return
        if self._output.is_broken:
            raise _Stop(1)
        for child in list(self._children.values()):
            if child.restart_at is not None and child.restart_at <= time.monotonic():
                self._start(child.spec)

    def _wait_s(self, timeout_s: float) -> float:
        due = [child.restart_at for child in self._children.values() if child.restart_at is not None]
        return max(0.0, min([timeout_s, *(at - time.monotonic() for at in due)]))

    def _reap(self) -> None:
        for pid, code in processes.reap():
            for child in self._children.values():
                if child.pid == pid and child.is_alive:
                    self._handle_exit(child, code)

    def _handle_exit(self, child: Child, code: int) -> None:
        child.process.returncode = child.code = code
        self._drain(child)
        # Processes that it started would keep its port from the next one.
        self._end_strays(child)
        if self._is_stopping or child.spec.is_step:
            return
        now = time.monotonic()
        limits = self._limits
        child.deaths.append(now)
        while child.deaths[0] < now - limits.deaths_window_s:
            child.deaths.popleft()
        name, times = child.spec.name, len(child.deaths)
        if times >= limits.deaths_max:
            self._output.say(
                f"{name} ended with {_describe(code)}, {times} times within {limits.deaths_window_s:g} s."
                " Stopping everything; its last lines above say why."
            )
            raise _Stop(1)
        wait_s = min(_BACK_OFF_FIRST_S * 2 ** (times - 1), _BACK_OFF_MAX_S)
        self._output.say(f"{name} ended with {_describe(code)}; starting it again in {wait_s:g} s.")
        child.restart_at = now + wait_s

    def _drain(self, child: Child) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, Reader) and key.data.child is child:
                while key.data.read():
                    if key.data.is_empty:
                        break
                key.data.finish()
                self._close(key.fileobj)

    def _end_strays(self, child: Child) -> None:
        processes.kill_group(child.pid)
        tops = {other.pid for other in self._children.values() if other.is_alive}
        kept = tops.union(*(processes.descendants(pid) for pid in tops))
        processes.send_signal(processes.descendants(os.getpid()) - kept, signal.SIGKILL)

    def _stop_all(self) -> None:
        self._is_stopping = True
        for spec in reversed(self._specs):
            child = self._children.get(spec.name)
            if child is not None:
                self._stop(child)
        for child in self._children.values():
            self._stop(child)
        processes.end_descendants(os.getpid(), grace_s=0 if self._is_forced else 1.0)
        self._selector.close()

    def _stop(self, child: Child) -> None:
        if not child.is_alive:
            return
        if not child.spec.is_step:
            self._output.say(f"stopping {child.spec.name}")
        # Only the leader gets SIGTERM: it stops its own workers in order.
        processes.send_signal([child.pid], signal.SIGTERM)
        deadline = time.monotonic() + self._limits.grace_s
        while child.is_alive:
            if self._is_forced or time.monotonic() > deadline:
                if not self._is_forced:
                    self._output.say(
                        f"{child.spec.name} did not stop within {self._limits.grace_s:g} s; killed."
                    )
                processes.send_signal(processes.descendants(child.pid), signal.SIGKILL)
                processes.kill_group(child.pid)
            self._turn(_READY_POLL_S)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        arrived, wake = socket.socketpair()
        arrived.setblocking(False)
        wake.setblocking(False)
        before = {number: signal.signal(number, _noted) for number in (*_STOP_SIGNALS, signal.SIGCHLD)}
        before_fd = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(arrived, selectors.EVENT_READ, lambda: self._on_signals(arrived))
        if self._lifeline is not None:
            self._selector.register(self._lifeline.watch_fd, selectors.EVENT_READ, self._on_guardian_gone)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before_fd)
            for number, handler in before.items():
                signal.signal(number, handler)
            arrived.close()
            wake.close()

    def _on_signals(self, arrived: socket.socket) -> None:
        numbers = [number for number in arrived.recv(4096) if number != signal.SIGCHLD]
        if not numbers:
            return
        if self._is_stopping:
            self._is_forced = True
            return
        self._output.plain("")
        self._output.say("stopping; once more to kill")
        raise _Stop(0)

    def _on_guardian_gone(self) -> None:
        if self._lifeline is not None:
            self._selector.unregister(self._lifeline.watch_fd)
        if not self._is_stopping:
            raise _Stop(1)

    def _close(self, stream: object) -> None:
        self._selector.unregister(stream)  # type: ignore[arg-type]  # it was registered as this very object
        stream.close()  # type: ignore[attr-defined]


def _noted(_number: int, _frame: object) -> None:
    """Do nothing: with a handler, the signal is written to the wake-up descriptor instead of its default action."""


def _describe(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
