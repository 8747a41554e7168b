"""Errors of the API: always a problem, with one of the eight codes, saying what to do."""

import re
from typing import Any, get_args

import pytest
from flask.testing import FlaskClient

from app.lib.errors import ERRORS, Code
from tests.api_client import Api

REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/nothing-here", {}, 404, "RESOURCE_NOT_FOUND"),
    ("GET", "/webhooks/wh_none", {}, 404, "RESOURCE_NOT_FOUND"),
    ("DELETE", "/webhooks", {}, 405, "VALIDATION_ERROR"),
    ("POST", "/webhooks", {"body": b"{"}, 400, "VALIDATION_ERROR"),
    ("POST", "/webhooks", {"body": b"[]"}, 422, "VALIDATION_ERROR"),
    ("POST", "/webhooks", {"data": "name=x"}, 415, "VALIDATION_ERROR"),
    ("POST", "/webhooks", {"body": b'"' + b"x" * 1_000_000 + b'"'}, 413, "VALIDATION_ERROR"),
    ("GET", "/webhooks?nonsense=1", {}, 422, "VALIDATION_ERROR"),
    ("GET", "/webhooks?cursor=nonsense", {}, 422, "VALIDATION_ERROR"),
]


@pytest.mark.parametrize(("method", "path", "options", "status", "code"), REFUSED)
def test_refusal_is_a_problem(
    api: Api, method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    answer = api(method, path, **options)
    problem = answer.get_json()

    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, "about:blank")
    assert problem["title"] == ERRORS[status].kind.title, "the same whether Flask or a service found it"
    assert problem["detail"].endswith((".", "}", "…"))
    assert problem["request_id"] == answer.headers["X-Request-Id"]


def test_errors_are_declared_once() -> None:
    assert {error.kind.code for error in ERRORS.values()} == set(get_args(Code))
    for status, error in ERRORS.items():
        kind = error.kind
        assert (kind.status, "kind" in vars(error)) == (status, True), error
        assert kind.detail or kind.example, error


def test_unknown_field_is_named_with_the_one_that_was_meant(api: Api) -> None:
    problem = api("POST", "/webhooks", {"nam": "x"}).get_json()

    assert re.search(r"no field nam\b.*name", problem["errors"][0]["message"])


def test_wrong_method_says_which_are_right(api: Api) -> None:
    allowed = api("DELETE", "/webhooks").headers["Allow"]

    assert {"GET", "POST"} <= {name.strip() for name in allowed.split(",")}


def test_head_answers_like_get_without_a_body_and_options_names_the_methods(api: Api) -> None:
    got, head, options = (api(method, "/webhooks") for method in ("GET", "HEAD", "OPTIONS"))

    assert (head.status_code, head.data, head.content_type) == (got.status_code, b"", got.content_type)
    assert options.status_code == 200
    assert {"GET", "POST"} <= {name.strip() for name in options.headers["Allow"].split(",")}


def test_body_in_chunks_is_read_as_strictly(api: Api) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}/resume"
    headers = {"Transfer-Encoding": "chunked", "Content-Type": "text/plain"}

    assert api("POST", path, headers=headers).status_code == 415


def test_description_and_its_page_are_open_to_everybody(client: FlaskClient) -> None:
    page = client.get("/api/docs")

    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    assert "/api/v1/openapi.json" in page.get_data(as_text=True)
    assert "POST /api/v1/webhooks" in page.get_data(as_text=True)
    assert client.get("/api/v1/openapi.json").status_code == 200
