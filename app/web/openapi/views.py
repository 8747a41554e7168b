"""Serves the description of the API, and the page that shows it and lets people try it."""

import hashlib
from dataclasses import dataclass
from typing import cast

import orjson
from flask import Response, current_app, request
from flask_openapi import OpenAPI, Tag
from pydantic import BaseModel, ConfigDict
from werkzeug.wrappers import Response as BaseResponse

from app.extensions import AppSlot
from app.web.access import public
from app.web.openapi.document import describe
from app.web.rendering import render
from app.web.schemes import DOCS_PATH, Api, Pages

description_api = Api(
    "description_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="About", description="Who is calling, how things are, and this description.")],
)
api_docs = Pages("api_docs", __name__)


class Description(BaseModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str


@dataclass(frozen=True, slots=True)
class _Stored:
    body: bytes
    etag: str


@description_api.get("/openapi.json", summary="Get this description", responses={200: Description})
@public
def get_description() -> BaseResponse:
    """Return the whole API as an OpenAPI 3.1 document, made from the code that answers it."""
    stored = _stored()
    response = current_app.response_class(stored.body, content_type="application/json")
    response.set_etag(stored.etag)
    response.headers["Cache-Control"] = "no-cache"
    return response.make_conditional(request)


@api_docs.get(DOCS_PATH)
@public
def show() -> Response:
    """Show the description, with a form to try each operation with an API key."""
    return render("api_docs/show.html", groups=_groups())


def _groups() -> list[tuple[str, list[dict[str, str]]]]:
    """Return the operations by tag, for browsers without script."""
    groups: dict[str, list[dict[str, str]]] = {}
    for path, operations in orjson.loads(_stored().body)["paths"].items():
        for method, operation in operations.items():
            line = {
                "method": method.upper(),
                "path": path,
                "summary": operation["summary"],
                "scope": operation.get("x-required-scope", ""),
            }
            groups.setdefault(operation["tags"][0], []).append(line)
    return list(groups.items())


def _stored() -> _Stored:
    """Return the document, assembled at the first request: most processes never need it."""
    return _description.get()


def _describe() -> _Stored:
    body = orjson.dumps(describe(cast(OpenAPI, current_app)))
    return _Stored(body, hashlib.sha256(body).hexdigest()[:32])


_description = AppSlot[_Stored]("api_description", _describe)
