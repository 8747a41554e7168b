"""The way out for JSON: views of the API return the model that they declare, and it is serialised here, once."""

from typing import Any

from flask import Response, current_app
from flask_openapi import OpenAPI
from pydantic import BaseModel


class Application(OpenAPI):
    """The app. Its views may return a response model, or a model with a status."""

    def make_response(self, rv: Any) -> Response:  # noqa: ANN401 - whatever a view returns
        """Return the response for what a view returned."""
        model, status = rv if isinstance(rv, tuple) and len(rv) == 2 else (rv, 200)
        return respond(model, status) if isinstance(model, BaseModel) else super().make_response(rv)


def respond(model: BaseModel, status: int = 200) -> Response:
    """Return the JSON response of a model. Times are in UTC, with a Z."""
    body = model.model_dump_json(by_alias=True)
    return current_app.response_class(body, status=status, content_type="application/json")
