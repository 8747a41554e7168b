"""uvicorn's server, which checks the deadlines of every connection once a second."""

import asyncio
import contextlib
import functools
import math
import resource
import signal
import socket
import sys

import uvicorn

from app.config import Settings
from app.server.connection import Connection
from app.server.limits import limits_of
from app.server.workers import run_workers
from app.web.logs import init_logs

_CHECK_EVERY_S = 1.0
#: How long requests may take to finish when the server stops. Supervisors kill after 15 s.
_STOP_GRACE_S = 10
_BACKLOG = 2048
#: How much of an answer the kernel buffers unsent: beyond that a client that reads nothing is noticed.
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
                if isinstance(connection, Connection):
                    connection.check(now_s)


def run(settings: Settings) -> None:
    """Serve on HOST and PORT with WEB_WORKERS processes until told to stop. Raises OSError when it cannot listen."""
    init_logs(settings)
    listener = listen(settings.host, settings.port)
    if settings.web_workers == 1:
        serve(settings, listener)
    else:
        run_workers(settings, listener, serve)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound but does not listen yet. Raises OSError."""
    (family, kind, number, _, address), *_ = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listener = socket.socket(family, kind, number)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The sockets that it accepts inherit it.
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_IN_KERNEL_MAX_BYTES)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve in this process until told to stop."""
    limits = limits_of(settings)
    _allow_descriptors(3 * limits.connections_max + 512)
    config = uvicorn.Config(
        "app.server.application:create",
        factory=True,
        interface="asgi3",
        lifespan="off",
        loop="uvloop",
        http=functools.partial(Connection, limits=limits),  # type: ignore[arg-type]
        ws="none",
        backlog=_BACKLOG,
        # The application itself applies TRUSTED_PROXIES.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        # Warnings are about requests that are no HTTP: anybody could fill the log with them.
        log_level="error",
        # Later than `Connection.check`, which closes idle connections first.
        timeout_keep_alive=math.ceil(limits.keep_alive_timeout_s) + 2,
        timeout_graceful_shutdown=_STOP_GRACE_S,
    )
    # After stopping, uvicorn raises the signal again. By default that would end the process before its
    # finalizers have run, and one of them writes what the request log still holds.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    WebServer(config).run(sockets=[listener])


def _allow_descriptors(wanted: int) -> None:
    """Raise this process's limit of open files, as far as it may, to what connections and temporary files need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
