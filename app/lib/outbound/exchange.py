"""One libcurl easy handle: its rules, one request at a time through it, and the result read out of it.

Handles are used again. The constant options are set once per handle and only the few per-request ones
afterwards; a handle that changes its method, or had a large body, is reset first, so nothing of one request
reaches the next.

The rules live here because here the socket is made: every address, whatever it was resolved from, is judged
at that moment (`CURLOPT_OPENSOCKETFUNCTION`), so a name that changes its mind between check and use gains
nothing. A connection taken from the pool was judged when it was opened. Nothing is followed, proxied,
remembered or decompressed.
"""

from typing import Any

import pycurl

from app.lib import clock
from app.lib.outbound.addresses import AllowedNetworks, Refusal
from app.lib.outbound.failures import Progress, classify
from app.lib.outbound.sockets import CurlAddress, Descriptor, judge_socket
from app.lib.outbound.transfer import HEADER_BYTES_MAX, Request, Result, header_lines, read_headers

_DISALLOW_USERNAME_IN_URL = 278  # CURLOPT_…, which pycurl has no names for.
_QUICK_EXIT = 322
_IDLE_CONNECTION_AGE_S = 50
_LARGE_BODY_BYTES = 16_384
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
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
        "_shape",
        "_socket_errno",
        "_started_at",
        "_timeout_s",
        "handle",
        "request",
    )

    def __init__(self, allowed: AllowedNetworks, ca_file: str | None) -> None:
        self._allowed = allowed
        self._ca_file = ca_file
        self._shape = ""
        self._timeout_s = self._connect_timeout_s = 0.0
        self.request: Request | None = None
        self.handle: Any = pycurl.Curl()
        self._configure()

    def begin(self, request: Request) -> None:
        """Set the handle up for `request`; it is then run by whoever holds the handle.

        Raises ValueError, in words for people, when the request cannot be sent; then the exchange is to be
        closed.
        """
        lines = header_lines(request.headers)
        lines += _NO_DEFAULTS
        if not request.url.startswith(("https://", "http://")):
            _check_scheme(request.url)
        shape = (
            request.method if request.method == self._shape and request.method == "POST" else _shape(request)
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
        if request.timeout_s != self._timeout_s or request.connect_timeout_s != self._connect_timeout_s:
            self._set_deadlines(request)
        self.request = request
        self._refusal: Refusal | None = None
        self._has_opened = False
        self._socket_errno = 0
        self._header_parts: list[bytes] = []
        self._body_parts: list[bytes] = []
        self._header_room = HEADER_BYTES_MAX
        self._body_room = request.max_body_bytes
        self._started_at = clock.now()

    def run(self) -> Result:
        """Carry the request begun, on this thread and on a connection of its own, and return its result."""
        try:
            self.handle.perform()
        except pycurl.error as error:
            return self.finish(int(error.args[0]), str(error.args[-1]))
        return self.finish(0, "")

    def finish(self, code: int, message: str) -> Result:
        """Return the result of the request begun, given libcurl's error code (0: none) and message."""
        result = Result(self._started_at)
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
        if self.request is not None and len(self.request.body) > _LARGE_BODY_BYTES:
            self._shape = ""  # The next request resets the handle, which lets go of the body.
        self.request = None
        self._header_parts = self._body_parts = []
        return result

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
        if self._header_room < 0:
            return "headers_too_large", f"The answer's headers are larger than {HEADER_BYTES_MAX} bytes."
        return classify(code, message, progress)

    def _configure(self) -> None:
        """Set what is the same for every request. Called for a new handle and after a reset."""
        setopt = self.handle.setopt
        setopt(pycurl.NOSIGNAL, 1)
        setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        setopt(pycurl.REDIR_PROTOCOLS, 0)
        setopt(pycurl.FOLLOWLOCATION, 0)
        setopt(pycurl.PROXY, "")
        setopt(pycurl.NOPROXY, "*")
        setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        setopt(_DISALLOW_USERNAME_IN_URL, 1)
        setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        setopt(pycurl.HTTP09_ALLOWED, 0)
        setopt(pycurl.HTTP_CONTENT_DECODING, 0)
        setopt(pycurl.USERAGENT, "")
        setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        setopt(pycurl.SSL_VERIFYPEER, 1)
        setopt(pycurl.SSL_VERIFYHOST, 2)
        if self._ca_file:
            setopt(pycurl.CAINFO, self._ca_file)
        setopt(pycurl.MAXAGE_CONN, _IDLE_CONNECTION_AGE_S)
        setopt(_QUICK_EXIT, 1)
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

    def _set_deadlines(self, request: Request) -> None:
        if not (request.timeout_s > 0 and request.connect_timeout_s > 0):
            raise ValueError("A timeout must be greater than zero.")
        # libcurl reads 0 as "no limit": never round down to it.
        self.handle.setopt(pycurl.TIMEOUT_MS, max(1, round(request.timeout_s * 1000)))
        self.handle.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, round(request.connect_timeout_s * 1000)))
        self._timeout_s, self._connect_timeout_s = request.timeout_s, request.connect_timeout_s

    def _open_socket(self, purpose: int, address: CurlAddress) -> Descriptor | int:
        """Answer libcurl's wish for a socket to this one address: judge it, then make the socket or refuse."""
        refusal = judge_socket(purpose, address, self._allowed)
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


def _shape(request: Request) -> str:
    """Return the handle's set-up: requests of one shape differ in URL, headers, body, deadlines only."""
    method = request.method
    if method in _METHODS_WITH_BODY:
        return method
    if method not in ("GET", "HEAD"):
        raise ValueError(f"The method {method!r} is not supported.")
    if request.body:
        raise ValueError(f"A {method} request has no body.")
    return method


def _check_scheme(url: str) -> None:
    if not url.lower().startswith(("https://", "http://")):
        raise ValueError("The URL must start with http:// or https://.")
