"""Static files: served by the event loop, so that they need no thread.

Werkzeug's `send_file` does what HTTP knows about files: HEAD, conditional requests and ranges.
"""

from pathlib import Path
from typing import Any

from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.security import safe_join
from werkzeug.utils import send_file
from werkzeug.wrappers import Request, Response

from app.config import Settings
from app.server.wsgi import Environ
from app.web.headers import request_id_of, security_headers, static_cache_control


class StaticFiles:
    """The files below a directory. Other paths are left to the application, which answers with its own 404."""

    def __init__(self, directory: str, prefix: str, settings: Settings) -> None:
        self._directory = directory
        self._prefix = f"{prefix}/"
        self._headers = security_headers(settings)

    def is_below(self, scope: Any) -> bool:  # noqa: ANN401 - ASGI
        """Return whether a request may be for one of the files."""
        return scope["method"] in ("GET", "HEAD") and scope["path"].startswith(self._prefix)

    def answer(self, environ: Environ) -> Response | None:
        """Return the file that is asked for, opened; None when there is none."""
        request = Request(environ)
        path = safe_join(self._directory, request.path.removeprefix(self._prefix))
        if path is None or not _is_file(path):
            return None
        try:
            response = send_file(path, environ, conditional=True)
        except RequestedRangeNotSatisfiable as error:
            response = Response(status=error.code, headers=error.get_headers())
        response.headers.update(self._headers)
        response.headers["Cache-Control"] = static_cache_control(request.args.get("v"))
        response.headers["X-Request-Id"] = request_id_of(request.headers.get("X-Request-Id"))
        return response


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # Such as a name that is too long.
        return False
