"""JSON bodies are read once, strictly, before any schema sees them."""

from typing import Any

import orjson
from flask import Flask, request
from flask.json.provider import JSONProvider

from app.lib.errors import Invalid, Malformed, NotJson
from app.web.schemes import wants_json


class OrjsonProvider(JSONProvider):
    """JSON through orjson: several times faster, and it refuses NaN and lone surrogates."""

    def dumps(self, obj: object, **_options: Any) -> str:
        return orjson.dumps(obj, option=orjson.OPT_UTC_Z).decode()

    def loads(self, s: str | bytes, **_options: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        return orjson.loads(s)


def read_json_strictly(app: Flask) -> None:
    """Refuse API bodies that are not JSON, with the position of the error."""
    app.json = OrjsonProvider(app)
    app.before_request(_read)


def _read() -> None:
    if not wants_json() or request.method not in ("POST", "PUT", "PATCH"):
        return
    # A chunked body has no length.
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        return
    if not request.is_json:
        raise NotJson(NotJson.kind.example)
    try:
        body = orjson.loads(request.get_data(cache=True))
    except orjson.JSONDecodeError as error:
        raise Malformed(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object: {…}.")
