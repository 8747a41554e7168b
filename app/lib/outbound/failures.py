"""From libcurl's error code to one of our error kinds, and a sentence for people."""

import errno
import os
from dataclasses import dataclass

import pycurl

_TOO_LARGE = 100  # CURLE_TOO_LARGE, which pycurl has no name for.

_TLS_CODES = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_SSL_ENGINE_NOTFOUND,
        pycurl.E_SSL_ENGINE_SETFAILED,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_ENGINE_INITFAILED,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_SHUTDOWN_FAILED,
        pycurl.E_SSL_CRL_BADFILE,
        pycurl.E_SSL_ISSUER_ERROR,
        pycurl.E_SSL_INVALIDCERTSTATUS,
    }
)
# E_UNSUPPORTED_PROTOCOL also stands for an answer without any headers (HTTP/0.9).
_INVALID_CODES = frozenset(
    {
        pycurl.E_UNSUPPORTED_PROTOCOL,
        pycurl.E_FTP_WEIRD_SERVER_REPLY,
        pycurl.E_PARTIAL_FILE,
        pycurl.E_BAD_CONTENT_ENCODING,
        pycurl.E_HTTP2,
    }
)
_PLAIN = {
    pycurl.E_COULDNT_RESOLVE_HOST: ("dns_failed", "The host name could not be resolved."),
    pycurl.E_URL_MALFORMAT: ("url_invalid", "The URL is not valid."),
    pycurl.E_LOGIN_DENIED: ("url_invalid", "The URL holds a user name or password."),
    pycurl.E_GOT_NOTHING: ("reset", "The connection was closed before an answer arrived."),
    pycurl.E_SEND_ERROR: ("reset", "The connection was closed while the request was being sent."),
    _TOO_LARGE: ("headers_too_large", "The answer's headers are too large."),
}
_RESET_ERRNOS = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a failed transfer had come."""

    is_sent: bool
    is_answering: bool
    os_errno: int


def classify(code: int, message: str, progress: Progress) -> tuple[str, str]:
    """Return (error kind, sentence for people) for a libcurl error code and its message.

    Timeouts are distinguished by the phase in which they struck: `timeout_connect` (lookup, connect, TLS
    handshake), `timeout_first_byte` (sending, waiting for the final status), `timeout_body`.
    """
    if code in _PLAIN:
        return _PLAIN[code]
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return _timed_out(message, progress)
    if code == pycurl.E_COULDNT_CONNECT:
        return _not_connected(progress.os_errno)
    if code in _TLS_CODES:
        return "tls_failed", f"The TLS handshake failed: {message or 'no reason given'}."
    if code == pycurl.E_UNSUPPORTED_PROTOCOL and not progress.is_sent:
        return "url_invalid", "The URL must start with http:// or https://."
    if code in _INVALID_CODES:
        return "response_invalid", f"The answer is not valid HTTP: {message or 'it could not be read'}."
    if code == pycurl.E_RECV_ERROR:
        return _not_received(message, progress)
    return "unknown", f"The transfer failed: {message or pycurl.easy_strerror(code)}."


def _timed_out(message: str, progress: Progress) -> tuple[str, str]:
    if message.startswith("Resolving"):
        return "timeout_connect", "The host name was not resolved in time."
    if not progress.is_sent:
        return "timeout_connect", "No connection was established in time."
    if not progress.is_answering:
        return "timeout_first_byte", "The connection was established, but no answer arrived in time."
    return "timeout_body", "The answer began but was not complete in time."


def _not_connected(os_errno: int) -> tuple[str, str]:
    if os_errno == errno.ECONNREFUSED:
        return "connect_refused", "The connection was refused: nothing listens on that port."
    if os_errno == errno.ETIMEDOUT:
        return "timeout_connect", "No connection was established in time."
    if os_errno in _RESET_ERRNOS:  # Reset so soon that the connect had not been noticed yet.
        return "reset", "The connection was reset before an answer arrived."
    reason = os.strerror(os_errno) if os_errno else "the address could not be reached"
    return "connect_failed", f"No connection could be established: {reason}."


def _not_received(message: str, progress: Progress) -> tuple[str, str]:
    if progress.os_errno in _RESET_ERRNOS or "reset" in message.lower():
        when = "while the answer was arriving" if progress.is_answering else "before an answer arrived"
        return "reset", f"The connection was reset {when}."
    if "too large" in message.lower():
        return "headers_too_large", "The answer's headers are too large."
    return "response_invalid", f"The answer could not be read: {message or 'no reason given'}."
