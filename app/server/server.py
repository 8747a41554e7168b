"""uvicorn's server with a look at every connection once a second, and its processes."""

import asyncio
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import resource
import signal
import socket
import sys
import threading
from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from app.config import Settings
from app.server.connection import connection_factory
from app.server.limits import Limits, limits_of

_CHECK_EVERY_S = 1.0
#: What is under way when the server is told to stop may take so long. Supervisors kill after 15 s.
_STOP_GRACE_S = 10
_BACKLOG = 2048
#: So much of an answer waits in the kernel, beyond what is on its way: a client that reads nothing shows at once.
_UNSENT_IN_KERNEL_MAX_BYTES = 65_536


class WebServer(uvicorn.Server):
    """Serves until told to stop."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._checks = asyncio.get_running_loop().create_task(self._check_connections())

    async def _check_connections(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_CHECK_EVERY_S)
            now_s = loop.time()
            for connection in list(self.server_state.connections):
                connection.check(now_s)  # type: ignore[union-attr]


def run(settings: Settings) -> None:
    """Serve on HOST and PORT with WEB_WORKERS processes until told to stop. Raises OSError when it cannot listen."""
    limits = limits_of(settings)
    listener = listen(settings.host, settings.port)
    config = uvicorn.Config(
        "app.server.application:create",
        factory=True,
        interface="asgi3",
        lifespan="off",
        loop="uvloop",
        http=connection_factory(limits),  # type: ignore[arg-type]
        ws="none",
        workers=settings.web_workers,
        backlog=_BACKLOG,
        # The application knows how many proxies to believe: TRUSTED_PROXIES.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        # Below it, every malformed request of anybody is a line.
        log_level="error",
        # `Connection.check` does it.
        timeout_keep_alive=86_400,
        timeout_graceful_shutdown=_STOP_GRACE_S,
        timeout_worker_healthcheck=30,
    )
    if settings.web_workers == 1:
        _serve(config, limits, [listener])
    else:
        Multiprocess(config, target=partial(_serve_as_worker, config, limits), sockets=[listener]).run()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound but does not listen yet. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # The sockets that it accepts inherit them.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_IN_KERNEL_MAX_BYTES)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


def _serve_as_worker(config: uvicorn.Config, limits: Limits, sockets: list[socket.socket]) -> None:
    threading.Thread(target=_stop_with_parent, name="parent", daemon=True).start()
    _serve(config, limits, sockets)


def _serve(config: uvicorn.Config, limits: Limits, sockets: list[socket.socket]) -> None:
    _allow_descriptors(limits)
    # Once it has stopped, uvicorn raises the signal again. By default that would end the process before its
    # finalizers have run, and one of them writes what the request log still holds.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    WebServer(config).run(sockets=sockets)


def _stop_with_parent() -> None:
    """Stop this process when the one that started it is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _allow_descriptors(limits: Limits) -> None:
    """Raise this process's limit of open files as far as connections and temporary files can need it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * limits.connections_max + 512
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
