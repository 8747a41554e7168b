"""Assembles the description: paths and schemas from flask-openapi, the rest from the marks of the views."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask_openapi import OpenAPI
from werkzeug.routing import Rule

from app import __version__
from app.lib.errors import ERRORS
from app.web.access import Access, access_of
from app.web.openapi.answers import HEADERS, REFUSALS, headers_of, refusal_response
from app.web.openapi.examples import example_of
from app.web.openapi.marks import is_conditional, is_idempotent, is_versioned
from app.web.permissions import note_of

VERSION = "3.1.0"
PREFIX = "/api/v1/"
BEARER, HEADER_KEY = "bearer", "apiKey"
_KEY_PARAMETER, _VERSION_PARAMETER = "IdempotencyKey", "IfMatch"
_JSON = "application/json"

_DESCRIPTIONS = {
    200: "Done.",
    201: "Created.",
    202: "Accepted: it is stored and will be done.",
    204: "Done; there is nothing to say.",
}
_INTRODUCTION = """\
Everything that the pages of Signalbox can do, for programs.

**Authentication.** Send an API key as `Authorization: Bearer sb_live_…` or `X-API-Key: sb_live_…`. A key belongs to one
team and sees nothing of others. What it may do is decided by its scopes; each operation names the one it needs.

**Errors** are `application/problem+json` (RFC 9457) with a stable `code`, a `detail` that says what to do, and the wrong
fields under `errors`.

**Lists** are newest first. Follow `next_cursor` until it is null.

**Repeating.** Creating operations take the header `Idempotency-Key`: repeated within 24 hours, the first answer comes back
with its secrets masked, and nothing is done again. A `PATCH` changes what is sent and leaves the rest.

**Two at once.** What can be changed comes with an `ETag`. Sent back as `If-Match` with a `PATCH` or `DELETE`, it is refused
with 412 when somebody else changed the object since; without the header the last write wins.

**Limits.** Each answer says in `RateLimit` what is left. After a 429 or 503, wait for `Retry-After`. An address of more
than 16 KB is refused with 414, headers of more than 32 KB with 431.
"""

Document = dict[str, Any]


def describe(app: OpenAPI) -> Document:
    """Return the description (OpenAPI 3.1) of every operation below `/api/v1`."""
    raw = _from_flask_openapi(app)
    schemas: dict[str, Any] = raw["components"].get("schemas", {})
    paths: dict[str, Any] = {}
    for rule, view in routes(app):
        path = re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            # A route unknown to flask-openapi is left out here; tests/web/openapi finds it.
            operation = raw["paths"].get(path, {}).get(method.lower())
            if operation is not None:
                paths.setdefault(path, {})[method.lower()] = _operation(operation, view, schemas, method)
    used = {name for operations in paths.values() for op in operations.values() for name in op["tags"]}
    return {
        "openapi": VERSION,
        "info": {"title": "Signalbox API", "version": __version__, "description": _INTRODUCTION},
        "servers": [{"url": "/", "description": "This installation"}],
        "tags": [tag for tag in raw.get("tags", []) if tag["name"] in used],
        "paths": paths,
        "components": _components(schemas),
    }


def routes(app: OpenAPI) -> Iterator[tuple[Rule, Callable[..., Any]]]:
    """Return every route of the API with its view."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(PREFIX):
            yield rule, app.view_functions[rule.endpoint]


def _from_flask_openapi(app: OpenAPI) -> Document:
    app.generate_spec_json()  # type: ignore[no-untyped-call]
    raw: Document = app.spec_json
    # Else it would stay in memory twice.
    app.spec_json = {}
    raw["components"].get("schemas", {}).pop(app.validation_error_model.__name__, None)
    return raw


def _operation(raw: Document, view: Callable[..., Any], schemas: Mapping[str, Any], method: str) -> Document:
    access = access_of(view) or Access()
    text = inspect.getdoc(view) or ""
    operation: Document = {
        "operationId": view.__name__,
        "tags": sorted(raw.get("tags", [])),
        "summary": raw.get("summary", ""),
        "description": f"{text}\n\n{_needs(access)}",
        "security": [] if access.is_public else _security(access),
    }
    if access.permission:
        operation["x-required-scope"] = access.permission
    parameters = [_parameter(item) for item in raw.get("parameters", [])]
    if is_idempotent(view):
        parameters.append({"$ref": f"#/components/parameters/{_KEY_PARAMETER}"})
    if is_conditional(view):
        parameters.append({"$ref": f"#/components/parameters/{_VERSION_PARAMETER}"})
    if parameters:
        operation["parameters"] = parameters
    if "requestBody" in raw:
        operation["requestBody"] = _body(raw["requestBody"], schemas)
    refusals = _refusals(raw, view, access, method)
    operation["responses"] = {
        **_successes(raw, view, schemas),
        **{
            str(status): {"$ref": f"#/components/responses/{REFUSALS[status]}"} for status in sorted(refusals)
        },
    }
    return operation


def _needs(access: Access) -> str:
    if access.is_public:
        return "Needs no API key."
    if access.permission is None:
        return "Needs an API key, with whatever scopes."
    return f"Needs the scope `{access.permission}`: {note_of(access.permission).lower()}."


def _security(access: Access) -> list[dict[str, list[str]]]:
    scopes = [access.permission] if access.permission else []
    return [{BEARER: scopes}, {HEADER_KEY: scopes}]


def _parameter(raw: Document) -> Document:
    parameter = {name: value for name, value in raw.items() if name not in ("deprecated", "style", "explode")}
    # Only the schema of a query parameter can be null, and an empty value is not one.
    schema = parameter.get("schema", {})
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        kept = {
            name: value for name, value in schema.items() if name not in ("anyOf", "default", "description")
        }
        parameter["schema"] = {**options[0], **kept}
    return parameter


def _body(raw: Document, schemas: Mapping[str, Any]) -> Document:
    content = raw["content"][_JSON]
    name = str(content["schema"]["$ref"]).rpartition("/")[2]
    return {
        "required": bool(schemas[name].get("required")),
        "content": {_JSON: {"schema": content["schema"], "example": example_of(content["schema"], schemas)}},
    }


def _successes(raw: Document, view: Callable[..., Any], schemas: Mapping[str, Any]) -> Document:
    responses: Document = {}
    for status, answer in raw["responses"].items():
        if int(status) >= 400:
            continue
        response: Document = {
            "description": _DESCRIPTIONS.get(int(status), "Done."),
            "headers": headers_of(int(status), is_replayable=is_idempotent(view)),
        }
        if is_versioned(view):
            response["headers"]["ETag"] = {"$ref": "#/components/headers/ETag"}
        for kind, content in (answer.get("content") or {}).items():
            schema = content.get("schema", {})
            example = example_of(schema, schemas)
            response.setdefault("content", {})[kind] = {"schema": schema, "example": example}
        responses[status] = response
    return responses


def _refusals(raw: Document, view: Callable[..., Any], access: Access, method: str) -> set[int]:
    """Return the error statuses of an operation: its own, and those that follow from what it takes."""
    declared = {int(status) for status in raw["responses"] if int(status) >= 400}
    kinds = {parameter["in"] for parameter in raw.get("parameters", [])}
    # Blueprints declare these for all of their operations; which of them apply is decided here.
    found = (declared - {401, 403, 404, 422, 429}) | {429, 500, 503}
    if not access.is_public:
        found |= {401, 403}
    if "path" in kinds:
        found.add(404)
    if method in ("POST", "PUT", "PATCH"):
        # A body is read before the route, whether it takes one or not.
        found |= {400, 413, 415, 422}
    if kinds - {"header"}:
        found.add(422)
    if is_idempotent(view):
        found.add(409)
    if is_conditional(view):
        found.add(412)
    return found


def _components(schemas: dict[str, Any]) -> Document:
    return {
        "securitySchemes": {
            BEARER: {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "API key",
                "description": "An API key: `Authorization: Bearer sb_live_…`",
            },
            HEADER_KEY: {
                "type": "apiKey",
                "in": "header",
                "name": "X-API-Key",
                "description": "The same key in a header of its own.",
            },
        },
        "parameters": {
            _KEY_PARAMETER: {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Repeating a request under its key within 24 hours returns the first answer, with its"
                " secrets masked, and does nothing again. 1 to 255 printable ASCII characters; a UUID is a good one.",
                "schema": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 255,
                    "pattern": "^[!-~]([ -~]*[!-~])?$",
                },
                "example": "4f1c2f0e-6f0b-4b7f-9a55-0d7a3f0f9f6e",
            },
            _VERSION_PARAMETER: {
                "name": "If-Match",
                "in": "header",
                "description": "The `ETag` of what you read: 412 when it was changed since. Without it, or with `*`, the"
                " last write wins.",
                "schema": {"type": "string"},
                "example": '"9f2c41d07ab35e68c1d4f0a7b2e8935d"',
            },
        },
        "headers": HEADERS,
        "responses": {name: refusal_response(ERRORS[status].kind) for status, name in REFUSALS.items()},
        "schemas": schemas,
    }
