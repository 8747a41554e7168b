"""Whether an address can be listened on, asked before anything starts."""

import errno
import socket


class PortUnavailable(Exception):
    """Nothing can listen there; the message says why and what to change."""


def check_port(host: str, port: int, *, variable: str, purpose: str) -> None:
    """Raise `PortUnavailable` unless `host:port` is free. `variable` is the setting that chooses the port."""
    try:
        _listen(host, port).close()
    except OSError as error:
        where = f"{host}:{port}"
        if error.errno == errno.EADDRINUSE:
            raise PortUnavailable(
                f"Port {port} on {host} is taken by another program, and {purpose} needs it.\n"
                f"Stop that program or choose another port: {variable}={port + 1 if port < 65535 else 8001} make run"
            ) from None
        if error.errno == errno.EACCES:
            raise PortUnavailable(
                f"This account may not listen on {where}. Ports below 1024 are reserved: choose a higher one with"
                f" {variable}=8000 make run"
            ) from None
        raise PortUnavailable(
            f"Cannot listen on {where}: {error.strerror or error}. See HOST and {variable}."
        ) from None


def is_free(host: str, port: int) -> bool:
    """Return whether `host:port` can be listened on now."""
    try:
        _listen(host, port).close()
    except OSError:
        return False
    return True


def any_free_port(host: str = "127.0.0.1") -> int:
    """Return a port that was free a moment ago."""
    with _listen(host, 0) as listener:
        return int(listener.getsockname()[1])


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
