"""One libcurl easy handle: its rules, one request at a time through it, and the result read out of it.

Handles are used again. The constant options are set once per handle and only the few per-request ones
afterwards; a handle that changes its method, or had a large body, is reset first, so nothing of one request
reaches the next.

The rules live here because here the socket is made: every address, whatever it was resolved from, is checked
at that moment (`CURLOPT_OPENSOCKETFUNCTION`), so a name whose addresses change between check and use (DNS rebinding)
gains nothing. A connection taken from the pool was checked when it was opened. Redirects, proxies, cookies
and decompression are off.

libcurl never looks a name up. When it would, because neither an open connection nor an address that it was given
less than a minute ago will do, the exchange is stopped and sets `wants_lookup`; its caller has the name looked
up elsewhere and begins again with the addresses.
"""

from datetime import datetime
from typing import Any, cast

import pycurl

from app.lib import clock
from app.lib.outbound.addresses import AllowedNetworks, Refusal
from app.lib.outbound.failures import Progress, classify
from app.lib.outbound.hosts import Resolved, host_of
from app.lib.outbound.options import set_constant_options
from app.lib.outbound.sockets import CurlAddress, Descriptor, check_socket
from app.lib.outbound.transfer import (
    HEADER_BYTES_MAX,
    Request,
    Result,
    check_scheme,
    header_lines,
    read_headers,
    shape_of,
)

_LARGE_BODY_BYTES = 16_384
_SHORTEST_S = 0.001
# libcurl adds these three by itself; a line without value leaves its own out and does not touch one given by
# the caller.
_NO_DEFAULTS = ["Expect:", "Accept:", "Content-Type:"]

_URL = pycurl.URL
_HTTPHEADER = pycurl.HTTPHEADER
_POSTFIELDS = pycurl.POSTFIELDS
_RESPONSE_CODE = pycurl.RESPONSE_CODE
_PRETRANSFER_TIME_T = pycurl.PRETRANSFER_TIME_T
_STARTTRANSFER_TIME_T = pycurl.STARTTRANSFER_TIME_T
_TOTAL_TIME_T = pycurl.TOTAL_TIME_T
_NUM_CONNECTS = pycurl.NUM_CONNECTS
_PRIMARY_IP = pycurl.PRIMARY_IP
_PRIMARY_PORT = pycurl.PRIMARY_PORT


class Exchange:
    """A reusable easy handle and the state of the request that is under way in it."""

    __slots__ = (
        "_allowed",
        "_body_parts",
        "_body_room",
        "_ca_file",
        "_connect_timeout_s",
        "_has_opened",
        "_header_parts",
        "_header_room",
        "_refusal",
        "_resolved",
        "_shape",
        "_socket_errno",
        "_timeout_s",
        "handle",
        "request",
        "started_at",
        "wants_lookup",
    )

    def __init__(self, allowed: AllowedNetworks, ca_file: str | None) -> None:
        self._allowed = allowed
        self._ca_file = ca_file
        self._shape = ""
        self._timeout_s = self._connect_timeout_s = 0.0
        self._resolved: Resolved | None = None
        self.request: Request | None = None
        self.handle: Any = pycurl.Curl()
        self._configure()

    def begin(self, request: Request, resolved: Resolved | None = None) -> None:
        """Set the handle up for `request`; the caller then runs it.

        With `resolved` it connects to those addresses, and the time that the look-up took is deducted.

        Raises ValueError, in words for people, when the request cannot be sent; then the exchange is to be
        closed.
        """
        lines = header_lines(request.headers)
        lines += _NO_DEFAULTS
        check_scheme(request.url)
        shape = (
            request.method
            if request.method == self._shape and request.method == "POST"
            else shape_of(request)
        )
        if shape != self._shape:
            self._reshape(shape)
        setopt = self.handle.setopt
        try:
            setopt(_URL, request.url)
            setopt(_HTTPHEADER, lines)
            if shape not in ("GET", "HEAD"):
                setopt(_POSTFIELDS, request.body)
        except UnicodeEncodeError:
            raise ValueError("The URL contains characters outside ASCII.") from None
        except pycurl.error as error:
            raise ValueError(f"The request cannot be sent: {error.args[-1]}.") from None
        timeout_s, connect_timeout_s = request.timeout_s, request.connect_timeout_s
        if resolved is not None:
            timeout_s = max(_SHORTEST_S, timeout_s - resolved.took_s)
            connect_timeout_s = max(_SHORTEST_S, connect_timeout_s - resolved.took_s)
            setopt(pycurl.RESOLVE, [resolved.as_curl_entry()])
        self._resolved = resolved
        if timeout_s != self._timeout_s or connect_timeout_s != self._connect_timeout_s:
            self._set_deadlines(timeout_s, connect_timeout_s)
        self.request = request
        self.wants_lookup = False
        self._refusal: Refusal | None = None
        self._has_opened = False
        self._socket_errno = 0
        self._header_parts: list[bytes] = []
        self._body_parts: list[bytes] = []
        self._header_room = HEADER_BYTES_MAX
        self._body_room = request.max_body_bytes
        self.started_at = resolved.started_at if resolved else clock.now()

    def run(self) -> Result:
        """Carry the request begun, on this thread and on a connection of its own, and return its result.

        Where `wants_lookup` is set then, it was not sent, and the result is meaningless.
        """
        try:
            self.handle.perform()
        except pycurl.error as error:
            return self.finish(int(error.args[0]), str(error.args[-1]))
        return self.finish(0, "")

    def finish(self, code: int, message: str) -> Result:
        """Return the result of the request begun, given libcurl's error code (0: none) and message."""
        result = Result(self.started_at)
        getinfo = self.handle.getinfo
        status = getinfo(_RESPONSE_CODE)
        if status >= 200:
            result.status_code = status
            result.headers = read_headers(self._header_parts)
            result.body = b"".join(self._body_parts)
            result.body_truncated = self._body_room < 0
        # The one thing libcurl sets only once the request is on its way; its times are all set when a connect
        # fails.
        is_sent = not code or getinfo(pycurl.REQUEST_SIZE) > 0
        if is_sent and getinfo(_NUM_CONNECTS) == 0:
            result.connection_reused = True
            result.dns_ms = result.connect_ms = 0.0
            result.tls_ms = 0.0 if self._is_tls() else None
        else:
            self._read_connect_timings(result)
        if self._header_parts:
            result.first_byte_ms = (
                max(0, getinfo(_STARTTRANSFER_TIME_T) - getinfo(_PRETRANSFER_TIME_T)) / 1000
            )
        result.total_ms = getinfo(_TOTAL_TIME_T) / 1000
        address = getinfo(_PRIMARY_IP)
        if address:
            result.remote_address = address
            result.remote_port = getinfo(_PRIMARY_PORT)
        if code and not result.body_truncated:
            progress = Progress(is_sent, status >= 200, self._socket_errno or getinfo(pycurl.OS_ERRNO))
            result.error_kind, result.error_detail = self._explain(code, message, progress)
        if self._resolved is not None:
            self._add_lookup(result, self._resolved.took_s)
        self._let_go()
        return result

    def stop(self) -> tuple[Request, datetime]:
        """Return the request begun, and when that was, unfinished: it `wants_lookup`. Another may then begin."""
        request, started_at = cast(Request, self.request), self.started_at
        self._let_go()
        return request, started_at

    def _let_go(self) -> None:
        if self.request is not None and len(self.request.body) > _LARGE_BODY_BYTES:
            self._shape = ""  # The next request resets the handle, which releases the body.
        self.request = None
        self._header_parts = self._body_parts = []

    @staticmethod
    def _add_lookup(result: Result, took_s: float) -> None:
        if not result.connection_reused:  # Another connection may have become free meanwhile.
            result.dns_ms = took_s * 1000
        result.total_ms = took_s * 1000 + (result.total_ms or 0.0)

    def _read_connect_timings(self, result: Result) -> None:
        looked_up_us = self.handle.getinfo(pycurl.NAMELOOKUP_TIME_T)
        connected_us = self.handle.getinfo(pycurl.CONNECT_TIME_T)
        secured_us = self.handle.getinfo(pycurl.APPCONNECT_TIME_T)
        if looked_up_us or connected_us:
            result.dns_ms = looked_up_us / 1000
        if connected_us:
            result.connect_ms = max(0, connected_us - looked_up_us) / 1000
        if secured_us and self._is_tls():
            result.tls_ms = max(0, secured_us - connected_us) / 1000

    def _is_tls(self) -> bool:
        return self.request is not None and self.request.url[:5].lower() == "https"

    def close(self) -> None:
        """Free the handle, and the reference cycle through its callbacks. Nothing else may follow."""
        self.request = None
        self.handle.close()

    def _explain(self, code: int, message: str, progress: Progress) -> tuple[str, str]:
        if self._refusal is not None and not self._has_opened:
            return "address_refused", f"Signalbox does not connect there: {self._refusal}."
        if code == pycurl.E_ABORTED_BY_CALLBACK:
            return "dns_failed", "The host name could not be resolved: it is read in different ways."
        if self._header_room < 0:
            return "headers_too_large", f"The answer's headers are larger than {HEADER_BYTES_MAX} bytes."
        return classify(code, message, progress)

    def _configure(self) -> None:
        """Set what is the same for every request. Called for a new handle and after a reset."""
        setopt = self.handle.setopt
        set_constant_options(self.handle, ca_file=self._ca_file)
        setopt(pycurl.RESOLVER_START_FUNCTION, self._begin_lookup)
        setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        setopt(pycurl.HEADERFUNCTION, self._take_header)
        setopt(pycurl.WRITEFUNCTION, self._take_body)

    def _reshape(self, shape: str) -> None:
        """Turn the handle to another kind of request, from a clean state."""
        self._shape = ""
        self._timeout_s = self._connect_timeout_s = 0.0
        self.handle.reset()
        self._configure()
        if shape == "POST":
            self.handle.setopt(pycurl.POST, 1)
        elif shape == "HEAD":
            self.handle.setopt(pycurl.NOBODY, 1)
        elif shape == "GET":
            self.handle.setopt(pycurl.HTTPGET, 1)
        else:
            self.handle.setopt(pycurl.CUSTOMREQUEST, shape)
        self._shape = shape

    def _set_deadlines(self, timeout_s: float, connect_timeout_s: float) -> None:
        if not (timeout_s > 0 and connect_timeout_s > 0):
            raise ValueError("A timeout must be greater than zero.")
        # libcurl reads 0 as "no limit": never round down to it.
        self.handle.setopt(pycurl.TIMEOUT_MS, max(1, round(timeout_s * 1000)))
        self.handle.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, round(connect_timeout_s * 1000)))
        self._timeout_s, self._connect_timeout_s = timeout_s, connect_timeout_s

    def _begin_lookup(self, *_: object) -> int:
        """Answer libcurl when it would look the host up: 0 to let it, for hosts that need no lookup, 1 to stop."""
        request = self.request
        if request is not None and host_of(request.url).is_known:
            return 0
        # libcurl did not accept the addresses that it was given for the host: end the transfer.
        self.wants_lookup = self._resolved is None
        return 1

    def _open_socket(self, purpose: int, address: CurlAddress) -> Descriptor | int:
        """Answer libcurl's request for a socket to this address: check it, then make the socket or refuse."""
        refusal = check_socket(purpose, address, self._allowed)
        if refusal is not None:
            self._refusal = self._refusal or refusal
            return pycurl.SOCKET_BAD
        self._has_opened = True
        try:
            return Descriptor(address)
        except OSError as error:
            self._socket_errno = error.errno or 0
            return pycurl.SOCKET_BAD

    def _take_header(self, line: bytes) -> int | None:
        self._header_room = room = self._header_room - len(line)
        if room < 0:
            return -1
        self._header_parts.append(line)
        return None

    def _take_body(self, chunk: bytes) -> int | None:
        room = self._body_room
        self._body_room = room - len(chunk)
        if self._body_room >= 0:
            self._body_parts.append(chunk)
            return None
        # Anything but the length stops the transfer and closes the connection.
        self._body_parts.append(chunk[:room])
        return -1
