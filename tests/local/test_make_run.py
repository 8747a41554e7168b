"""`python -m app.local`, which is what `make run` starts: the real programs on free ports."""

import http.client
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from app.local import redis_server
from tests.local.running import Running, running
from tests.webhooks.dispatch.programs import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left")
LOCAL = [sys.executable, "-m", "app.local"]


def env_of(data_dir: Path, port: int) -> dict[str, str]:
    return {"DATA_DIR": str(data_dir), "PORT": str(port), "DEMO_RECEIVER_PORT": str(free_port())}


def status_of(url: str) -> int:
    host, _, port = url.removeprefix("http://").strip("/").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    finally:
        connection.close()


def wait_until_it_runs(program: Running) -> str:
    return program.wait_for(r"Open\s+(http://\S+)")[1]


def secrets_in(data_dir: Path) -> list[str]:
    return [line for line in (data_dir / "local.env").read_text().splitlines() if "_KEY=" in line]


def test_starts_stops_and_starts_again_with_the_same_secrets(tmp_path: Path) -> None:
    # So deep that the socket does not fit into it.
    data_dir = tmp_path / ("deep" * 20) / "data"
    env = env_of(data_dir, free_port())
    with running(LOCAL, env=env) as program:
        address = wait_until_it_runs(program)
        link = program.wait_for(r"Sign up\s+(http://\S+/setup/\S+)")[1]
        program.wait_for("Ctrl-C")
        first_secrets = secrets_in(data_dir)

        assert status_of(address) == 200
        assert link.startswith(address)
        with running(LOCAL, env={**env, "PORT": str(free_port())}) as second:
            assert second.wait() == 1
            assert f"Signalbox already runs on {data_dir}" in second.lines[0]

        assert program.end(signal.SIGINT) == 0
        assert not program.survivors()

    with running(LOCAL, env=env) as program:
        wait_until_it_runs(program)
        assert program.end(signal.SIGTERM) == 0
        assert not program.survivors()
    assert secrets_in(data_dir) == first_secrets


@pytest.mark.slow
@pytest.mark.chaos
def test_killed_web_server_comes_back_and_a_killed_supervisor_leaves_nothing(tmp_path: Path) -> None:
    env = env_of(tmp_path / "data", free_port())
    with running(LOCAL, env=env) as program:
        address = wait_until_it_runs(program)
        program.wait_for("Ctrl-C")
        program.remember_family()
        (web,) = [pid for pid in program.family if is_web_server(pid)]

        os.kill(web, signal.SIGKILL)
        program.wait_for("web ended with SIGKILL; starting it again")
        wait_for_status(address)
        os.kill(program.supervisor_pid, signal.SIGKILL)

        assert program.wait() == 128 + signal.SIGKILL
        assert not program.survivors()


def test_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with running(LOCAL, env=env_of(tmp_path, port)) as program:
            assert program.wait() == 1
            said = "\n".join(program.lines)

    assert f"Port {port} on 127.0.0.1 is taken by another program" in said
    assert "PORT=" in said
    assert not (tmp_path / "signalbox.db").exists()


def test_chosen_receiver_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        env = {**env_of(tmp_path, free_port()), "DEMO_RECEIVER_PORT": port}
        with running(LOCAL, env=env) as program:
            assert program.wait() == 1

    assert any("DEMO_RECEIVER_PORT=" in line for line in program.lines)


def test_redis_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    with running(LOCAL, env={**env_of(tmp_path, free_port()), "REDIS_URL": url}) as program:
        assert program.wait() == 1

    said = "\n".join(program.lines)
    assert "no Redis answers there" in said
    assert "hunter2" not in said


def test_weak_secret_is_named(tmp_path: Path) -> None:
    env = {**env_of(tmp_path, free_port()), "SECRET_KEY": "short"}
    with running(LOCAL, env=env) as program:
        assert program.wait() == 1

    assert any("SECRET_KEY must be set to at least 32" in line for line in program.lines)


def test_socket_goes_to_a_short_place_when_the_data_lies_deep(tmp_path: Path) -> None:
    path = redis_server.choose_socket_path(tmp_path / ("deep" * 30))
    path.parent.rmdir()

    assert len(bytes(path)) <= redis_server.SOCKET_PATH_MAX_BYTES


def wait_for_status(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            assert status_of(address) == 200
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def is_web_server(pid: int) -> bool:
    return b"app.server" in Path(f"/proc/{pid}/cmdline").read_bytes()
