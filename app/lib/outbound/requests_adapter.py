"""The one door out for libraries that use `requests`: an adapter to mount in their session.

A session that is to use no other way out has all other adapters removed, and `trust_env` off: with it `requests`
would take passwords from a `.netrc`.
"""

from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as CannotConnect
from requests.exceptions import ContentDecodingError, InvalidURL, Timeout, TooManyRedirects
from requests.exceptions import RequestException as RequestException  # what callers catch
from requests.models import Response as Response  # what they get

from app.lib.outbound import Client, Request, Result
from app.lib.outbound.transfer import RESERVED_HEADERS

#: Written by the connection itself, or asking for compression, which is not undone here.
_LEFT_OUT = RESERVED_HEADERS | {"accept-encoding"}


class OutboundAdapter(BaseAdapter):
    """Carries each request of a `requests` session through a `Client`, with its deadlines, caps and address rules.

    Connections are those of `key`; closing the session leaves them to the client. `sends_once`: each request gets one
    of its own instead, for what must not be sent again where a kept connection turns out to be dead.

    The session's settings for time-outs, proxies, certificates and streaming are ignored here. Redirects
    are refused. Failures are raised as `requests` raises them.
    """

    def __init__(
        self, client: Client, *, key: str, timeout_s: float, max_body_bytes: int, sends_once: bool = False
    ) -> None:
        super().__init__()
        self._client = client
        self._key = key
        self._timeout_s = timeout_s
        self._max_body_bytes = max_body_bytes
        self._sends_once = sends_once

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> Response:
        """Send the request and return the whole answer. Raises the exceptions of `requests`."""
        body = request.body or b""
        if not isinstance(body, str | bytes):
            raise InvalidURL("Bodies that are streams are not sent.", request=request)
        headers = [
            (name, value.decode("latin-1") if isinstance(value, bytes) else value)
            for name, value in request.headers.items()
            if name.lower() not in _LEFT_OUT
        ]
        outgoing = Request(
            url=request.url or "",
            method=request.method or "GET",
            headers=headers,
            body=body.encode() if isinstance(body, str) else body,
            connect_timeout_s=self._timeout_s / 2,
            timeout_s=self._timeout_s,
            max_body_bytes=self._max_body_bytes,
            owner=self._key,
        )
        try:
            if self._sends_once:
                result = self._client.send_once(outgoing)
            else:
                result = self._client.send(outgoing, key=self._key)
        except ValueError as error:
            raise InvalidURL(str(error), request=request) from None
        _raise_for_failure(result, request)
        return _response(result, request)

    def close(self) -> None:
        """Close nothing: the client keeps the connections."""


def _raise_for_failure(result: Result, request: requests.PreparedRequest) -> None:
    if result.error_kind is not None:
        kind = Timeout if result.error_kind.startswith("timeout") else CannotConnect
        raise kind(f"{result.error_kind}: {result.error_detail}", request=request)
    if result.body_truncated:
        raise ContentDecodingError("The answer is larger than is read.", request=request)
    if result.status_code is not None and 300 <= result.status_code < 400:
        raise TooManyRedirects(f"Redirects are not followed ({result.status_code}).", request=request)


def _response(result: Result, request: requests.PreparedRequest) -> Response:
    response = Response()
    response.status_code = result.status_code or 0
    response.headers.update(_joined(result.headers))
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    response.url = request.url or ""
    response.request = request
    response._content = result.body  # what `requests` itself fills when a body was read
    return response


def _joined(headers: list[tuple[str, str]]) -> Mapping[str, str]:
    """Return the headers with those that came several times in one value (RFC 9110 §5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        joined[lower] = f"{joined[lower]}, {value}" if lower in joined else value
    return joined
