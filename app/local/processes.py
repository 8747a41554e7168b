"""Process trees, and how to end them, so that Ctrl-C leaves no process behind.

On Linux a *subreaper* inherits every orphan below it, so even a process that left its group and session is
found. Elsewhere the process groups of the children are all there is to go by.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

IS_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.05
_libc = ctypes.CDLL(None, use_errno=True) if IS_LINUX else None


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent dies. Linux only, else a no-op."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent(parent_pid: int) -> None:
    """Have the kernel send SIGTERM to this process when its parent dies; for use between fork and exec.

    The last line of defence, for the case that guardian and supervisor are killed in one stroke.
    """
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:  # It died before the line above took effect.
        os._exit(1)


def descendants(root_pid: int) -> set[int]:
    """Return the ids of all living processes below `root_pid`; zombies are left out. Empty where unknown."""
    children: dict[int, list[int]] = {}
    living: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*/stat") if IS_LINUX else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The second field is the command's name in brackets and may itself hold spaces and brackets.
            state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
            pid = int(entry.parent.name)
            children.setdefault(int(parent), []).append(pid)
            if state not in "ZX":
                living.add(pid)
    found: set[int] = set()
    queue = [root_pid]
    while queue:
        below = children.get(queue.pop(), [])
        found.update(below)
        queue.extend(below)
    return found & living


def send_signal(pids: Iterable[int], number: signal.Signals) -> None:
    """Send the signal to each process that still exists."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_group(group_id: int) -> None:
    """Kill every process of the group, if there are any."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group_id, signal.SIGKILL)


def end_descendants(root_pid: int, *, groups: Iterable[int] = (), grace_s: float) -> None:
    """End everything below `root_pid`, which must be this process: SIGTERM, then SIGKILL after `grace_s`.

    `groups` are process groups to end where the family tree cannot be read.
    """
    ended = set() if IS_LINUX else set(groups)
    for group in ended:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGTERM)
    signalled: set[int] = set()
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline:
        below = descendants(root_pid)
        send_signal(below - signalled, signal.SIGTERM)
        signalled |= below
        if not reap() and not below and not any(_group_lives(group) for group in ended):
            return
        time.sleep(_POLL_S)
    for group in ended:
        kill_group(group)
    # Repeated: a process may have started another one between listing and signal.
    for _ in range(20):
        below = descendants(root_pid)
        send_signal(below, signal.SIGKILL)
        reap()
        if not below:
            return
        time.sleep(_POLL_S)


def reap() -> list[tuple[int, int]]:
    """Collect every child of this process that has ended, as (pid, exit code); negative codes are signals."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            ended.append((pid, os.waitstatus_to_exitcode(status)))
    return ended


def _group_lives(group_id: int) -> bool:
    try:
        os.killpg(group_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
