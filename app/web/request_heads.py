"""Bounds the head of every request before anything parses it.

Parsers of header fields are not all linear: Werkzeug's for `Cookie` takes two seconds for 16 KB of blanks, with the
interpreter lock held, and it runs for every request, signed in or not. RFC 9110 §5.5 and §5.6.3 make a run of blanks
equivalent to one.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from app.lib.errors import Invalid
from app.web.schemas import PROBLEM_TYPE, Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: All header fields together; browsers and proxies send a tenth of it.
HEADERS_MAX_BYTES = 32_768
#: Path and query.
TARGET_MAX_BYTES = 16_384
_FIELD_OVERHEAD_BYTES = 4
_BLANKS = re.compile(r"[ \t]{2,}+")


class BoundedRequestHeads:
    """Refuses heads that are too large with 414 or 431, and makes one blank of every run of them in the others."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        target_bytes = len(environ.get("PATH_INFO", "")) + len(environ.get("QUERY_STRING", ""))
        if target_bytes > TARGET_MAX_BYTES:
            detail = (
                f"Path and query may have {TARGET_MAX_BYTES} bytes together. Send what is longer in the body."
            )
            return _refusal(414, "The address is too long", detail)(environ, start_response)
        size_bytes = 0
        for name, value in environ.items():
            if not name.startswith("HTTP_"):
                continue
            size_bytes += len(name) + len(value) + _FIELD_OVERHEAD_BYTES
            if "  " in value or "\t" in value:
                environ[name] = _BLANKS.sub(" ", value)
        if size_bytes > HEADERS_MAX_BYTES:
            detail = (
                f"All headers may have {HEADERS_MAX_BYTES} bytes together. Delete the cookies of this site."
            )
            return _refusal(431, "The headers are too large", detail)(environ, start_response)
        return self._app(environ, start_response)


def _refusal(status: int, title: str, detail: str) -> Response:
    problem = Problem(title=title, status=status, detail=detail, code=Invalid.kind.code, request_id="")
    return Response(problem.as_json(), status=status, content_type=PROBLEM_TYPE)
