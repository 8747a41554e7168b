"""A real name server that is silent about some names, behind the C library's own resolver."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import PROJECT_DIR
from tests.hostile_receivers import Receiver, answer_ok
from tests.webhooks.dispatch import silent_name_server

_ADDRESS = "127.0.0.53"


@pytest.fixture
def name_server() -> Iterator[str]:
    """Yield the address of a name server: A 127.0.0.1 for names in live.test, nothing else for those, and silence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind((_ADDRESS, 53))
        except OSError as error:
            pytest.skip(f"no name server can be started here: {error}")
        thread = threading.Thread(target=_serve, args=(server,), daemon=True)
        thread.start()
        yield _ADDRESS
        server.sendto(b"", (_ADDRESS, 53))
        thread.join(10)


def _serve(server: socket.socket) -> None:
    while True:
        query, client = server.recvfrom(4096)
        if not query:
            return
        if b"\x04live\x04test" in query:
            with contextlib.suppress(OSError):
                server.sendto(_answer(query), client)


def _answer(query: bytes) -> bytes:
    """Return the answer to a query with one question (RFC 1035 §4)."""
    end = query.index(b"\0", 12) + 5
    is_a = query[end - 4 : end - 2] == b"\0\1"
    head = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if is_a else b""
    return head + query[12:end] + record


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare: resolv.conf cannot be another one")
def test_names_that_never_resolve_do_not_slow_others_down(name_server: str, tmp_path: Path) -> None:
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text(f"nameserver {name_server}\n")
    enter = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount --bind "$0" /etc/resolv.conf && exec "$@"',
        str(resolv_conf),
    ]
    if subprocess.run([*enter, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be made here, so resolv.conf cannot be another one")
    with Receiver(answer_ok) as receiver:
        program = [
            sys.executable,
            "-m",
            silent_name_server.__name__,
            receiver.url.replace("127.0.0.1", "{name}"),
        ]
        ended = subprocess.run(
            [*enter, *program], cwd=PROJECT_DIR, env=os.environ, capture_output=True, text=True, timeout=100
        )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    # The C library gives a query up after 5 s: whoever waited behind the fifty waited at least so long.
    assert max(told["beside_ms"]) < 4500, told
    assert told["kinds"] == ["dns_timeout"]
