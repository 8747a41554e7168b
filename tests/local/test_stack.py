"""The supervisor and its guardian, with stand-ins as children."""

import json
import os
import signal
import sys
from contextlib import AbstractContextManager

import pytest

from tests.local.running import Running, is_alive, parent_of, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left")

FOREVER = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
#: Starts a process that leaves the group and the session and ignores SIGTERM.
WITH_A_RUNAWAY = f"""
import subprocess, sys, time
runaway = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], start_new_session=True, stdout=subprocess.PIPE)
runaway.stdout.readline()
print("runaway", runaway.pid, flush=True)
time.sleep(600)
"""


def stack(**programs: str) -> AbstractContextManager[Running]:
    argvs = {name: [sys.executable, "-c", text] for name, text in programs.items()}
    return running([sys.executable, "-m", "tests.local.run_stack", json.dumps(argvs)])


def start_with_runaway(program: Running) -> int:
    runaway = int(program.wait_for(r"runaway (\d+)")[1])
    program.remember_family()
    return runaway


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_everything_and_leaves_nothing(number: signal.Signals) -> None:
    with stack(first=FOREVER, second=FOREVER) as program:
        program.wait_for("READY")

        code = program.end(number)

        assert code == 0
        assert len(program.family) == 3
        assert not program.survivors()


def test_children_stop_in_reverse_order() -> None:
    with stack(redis=FOREVER, worker=FOREVER, web=FOREVER) as program:
        program.wait_for("READY")

        program.end()

        stops = [line.split()[-1] for line in program.lines if "│ stopping " in line and ";" not in line]
        assert stops == ["web", "worker", "redis"]


def test_child_that_ignores_the_request_is_killed_after_the_grace() -> None:
    with stack(deaf=STUBBORN) as program:
        program.wait_for("up")

        code = program.end()

        assert code == 0
        assert any("deaf did not stop within 1 s; killed" in line for line in program.lines)
        assert not program.survivors()


def test_process_that_left_group_and_session_is_ended_too() -> None:
    with stack(parent=WITH_A_RUNAWAY) as program:
        runaway = start_with_runaway(program)

        program.end()

        assert runaway in program.family
        assert not program.survivors()


def test_killed_child_comes_back_without_its_old_family() -> None:
    with stack(parent=WITH_A_RUNAWAY) as program:
        runaway = start_with_runaway(program)
        (child,) = [pid for pid in program.family if parent_of(runaway) == pid]

        os.kill(child, signal.SIGKILL)

        program.wait_for("parent ended with SIGKILL; starting it again in 0.5 s")
        another = start_with_runaway(program)
        assert another != runaway
        assert not is_alive(runaway)


def test_crash_loop_stops_everything() -> None:
    with stack(steady=FOREVER, broken="raise SystemExit(3)") as program:
        program.wait_for("READY")
        program.remember_family()

        assert program.wait() == 1

        assert any("broken ended with exit code 3, 3 times within 60 s" in line for line in program.lines)
        assert not program.survivors()


def test_failed_step_starts_nothing_more() -> None:
    with stack(steady=FOREVER, step="raise SystemExit(2)", web=FOREVER) as program:
        assert program.wait() == 1

        assert any("step failed with exit code 2" in line for line in program.lines)
        assert not any("READY" in line or "stopping web" in line for line in program.lines)


def test_killed_supervisor_leaves_no_orphans() -> None:
    with stack(parent=WITH_A_RUNAWAY) as program:
        start_with_runaway(program)

        os.kill(program.supervisor_pid, signal.SIGKILL)

        assert program.wait() == 128 + signal.SIGKILL
        assert not program.survivors()


def test_killed_guardian_leaves_no_orphans() -> None:
    with stack(parent=WITH_A_RUNAWAY) as program:
        start_with_runaway(program)

        program.end(signal.SIGKILL)

        assert not program.survivors()


def test_children_hear_when_guardian_and_supervisor_are_killed_at_once() -> None:
    with stack(first=FOREVER, second=FOREVER) as program:
        program.wait_for("READY")
        supervisor = program.supervisor_pid

        os.kill(program.process.pid, signal.SIGSTOP)
        os.kill(supervisor, signal.SIGKILL)
        os.kill(program.process.pid, signal.SIGKILL)

        assert not program.survivors()


def test_output_is_prefixed_with_the_name_and_not_coloured_in_a_pipe() -> None:
    with stack(web="print('hello\\n\\nthere', end='', flush=True); import time; time.sleep(600)") as program:
        program.wait_for("hello")

        program.end()

        assert "web   │ hello" in program.lines
        assert "web   │ there" in program.lines
        assert not any("\x1b" in line for line in program.lines)
