"""The description of the API is complete, valid, and says what the code says."""

import inspect
from typing import Any, get_type_hints

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from app.web.access import access_of
from app.web.openapi.document import routes
from app.web.secret_fields import models_in

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    """Return the description as everybody gets it."""
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return dict(answer.get_json())


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_description_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"

    validate(document, cls=OpenAPIV31SpecValidator)


def test_every_route_is_described(app: Flask, document: dict[str, Any]) -> None:
    described = {name for name, _ in operations(document)}

    expected = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}"
        for rule, _ in routes(app)  # type: ignore[arg-type]
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert described == expected


def test_every_operation_says_what_it_is_and_what_it_needs(app: Flask, document: dict[str, Any]) -> None:
    access = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}": access_of(view)
        for rule, view in routes(app)  # type: ignore[arg-type]
        for method in rule.methods or ()
    }
    tags = {tag["name"] for tag in document["tags"]}

    for name, operation in operations(document):
        mark = access[name]
        assert mark is not None
        assert operation["summary"], name
        assert not operation["summary"].endswith("."), name
        assert len(operation["description"].split("\n\n")) >= 2, f"{name} has no docstring"
        assert set(operation["tags"]) <= tags, name
        assert operation.get("x-required-scope") == mark.permission, name
        if mark.is_public:
            assert operation["security"] == []
            continue
        scopes = [mark.permission] if mark.permission else []
        assert operation["security"] == [{"bearer": scopes}, {"apiKey": scopes}], name
        assert {"401", "403", "429", "500", "503"} <= operation["responses"].keys(), name


def test_views_return_the_models_that_they_declare(app: Flask, document: dict[str, Any]) -> None:
    """What a view returns is validated by its model; that it is the declared one, only its annotation says."""
    returned = {
        view.__name__: {model.__name__ for model in models_in(get_type_hints(inspect.unwrap(view))["return"])}
        for _, view in routes(app)  # type: ignore[arg-type]
    }
    for name, operation in operations(document):
        contents = [
            content["schema"]["$ref"].rpartition("/")[2]
            for status, response in operation["responses"].items()
            if status.startswith("2")
            for content in response.get("content", {}).values()
        ]
        # The description itself is kept as the bytes that it is answered with.
        declared = set(contents) - {"Description"}
        assert returned[operation["operationId"]] == declared, name


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]

    assert len(set(names)) == len(names)


def test_every_parameter_and_every_tag_is_explained(document: dict[str, Any]) -> None:
    unexplained = [
        f"{name}: {parameter['name']}"
        for name, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if "$ref" not in parameter and not parameter.get("description")
    ]

    assert unexplained == []
    assert all(tag["description"] for tag in document["tags"])


def test_every_list_is_paged(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if not operation["operationId"].startswith("list_"):
            continue
        names = {parameter.get("name") for parameter in operation["parameters"]}
        assert {"limit", "cursor"} <= names, name
        schema = resolved(document, operation["responses"]["200"]["content"]["application/json"]["schema"])
        assert {"data", "next_cursor"} <= schema["properties"].keys(), name


def test_every_creation_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        refs = [parameter.get("$ref", "") for parameter in operation.get("parameters", [])]
        if operation["operationId"].startswith("create_"):
            assert "#/components/parameters/IdempotencyKey" in refs, name
            assert "Idempotency-Replayed" in operation["responses"]["201"]["headers"], name


def test_every_body_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    wrong = []
    for name, content in bodies(document):
        assert "example" in content, name
        schema = {**content["schema"], "components": document["components"]}
        wrong += [
            f"{name}: {error.message}" for error in OAS31Validator(schema).iter_errors(content["example"])
        ]

    assert wrong == []


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            found = resolved(document, response)
            assert found["content"].keys() == {"application/problem+json"}, f"{name} {status}"
    codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert len(codes) == 8


def test_document_is_made_once_and_answered_with_304_afterwards(client: FlaskClient) -> None:
    first = client.get("/api/v1/openapi.json")

    again = client.get("/api/v1/openapi.json", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")


def resolved(document: dict[str, Any], thing: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in thing:
        return thing
    found: Any = document
    for part in thing["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def bodies(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return everything that has a schema: request bodies and answers, the shared ones too."""
    found = []
    for name, operation in operations(document):
        if "requestBody" in operation:
            found.append((f"{name} request", operation["requestBody"]))
        found += [(f"{name} {status}", answer) for status, answer in operation["responses"].items()]
    return [
        (name, content)
        for name, thing in found
        for content in resolved(document, thing).get("content", {}).values()
    ]
