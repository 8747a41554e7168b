"""Where an address is checked: libcurl asks for a socket to it (`CURLOPT_OPENSOCKETFUNCTION`)."""

import os
import socket
from typing import Any, Protocol

import pycurl

from app.lib.outbound.addresses import AllowedNetworks, Refusal, check_address


class CurlAddress(Protocol):
    """What libcurl wants to connect to; `addr` is what the socket module calls an address."""

    family: int
    socktype: int
    protocol: int
    addr: tuple[Any, ...]


def check_socket(purpose: int, address: CurlAddress, allowed: AllowedNetworks) -> Refusal | None:
    """Return why no socket is made for libcurl's `address` tuple, or None when it is allowed."""
    if purpose != pycurl.SOCKTYPE_IPCXN:
        return Refusal("The socket", "for something other than a connection")
    if address.family not in (socket.AF_INET, socket.AF_INET6):
        return Refusal("The address", "not an internet address")
    if address.socktype & 0xFF != socket.SOCK_STREAM:
        return Refusal(address.addr[0], "not reached over TCP")
    if address.family == socket.AF_INET6 and address.addr[3]:
        return Refusal(address.addr[0], "an address tied to a network interface")
    return check_address(address.addr[0], address.addr[1], allowed)


class Descriptor:
    """A new socket for `address`, to hand to libcurl. Raises OSError when there is none to be had.

    libcurl takes a duplicate: this one is closed as soon as it is released.
    """

    __slots__ = ("_fd",)

    def __init__(self, address: CurlAddress) -> None:
        self._fd = -1
        self._fd = socket.socket(address.family, address.socktype, address.protocol).detach()

    def fileno(self) -> int:
        """Return the descriptor, as pycurl asks for it."""
        return self._fd

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
