"""What is wrong with a definition is said before it is stored, beside its field."""

from dataclasses import replace
from typing import Any

import pytest

from app.calls.rest.checks import check
from app.calls.rest.definition import Definition, Pagination, Parameter
from app.lib.errors import Invalid

GOOD = Definition(
    name="Notes",
    method="POST",
    path="/contacts/{id}/notes",
    query=[("archived", "{{archived}}")],
    headers=[("X-Trace", "{{trace}}")],
    body='{"text": "{{text}}", "n": 1}',
    parameters=[
        Parameter(name="id"),
        Parameter(name="archived", type="boolean", default=False),
        Parameter(name="trace", is_required=False),
        Parameter(name="text"),
    ],
    idempotency_header="Idempotency-Key",
)


def test_a_good_definition_passes() -> None:
    check(GOOD)
    check(Definition(name="The address itself"))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"method": "TRACE"}, "method"),
        ({"method": "GET"}, "body"),
        ({"path": "contacts/{id}"}, "path"),
        ({"path": "//evil.example/{id}"}, "path"),
        ({"path": "/a/../{id}"}, "path"),
        ({"path": "/a/%2e%2E/{id}"}, "path"),
        ({"path": "/a/{id}?x=1"}, "path"),
        ({"path": "/a b/{id}"}, "path"),
        ({"path": "/a\r\nX: 1/{id}"}, "path"),
        ({"path": "/a\\b/{id}"}, "path"),
        ({"path": "/a/{id}/{1+1}"}, "path"),
        ({"path": "/a/{id}#x"}, "path"),
        ({"path": "/contacts/{other}"}, "path"),
        ({"query": [("{{id}}", "x")]}, "query"),
        ({"query": [("a", "{{unknown}}")]}, "query"),
        ({"query": [("api_key", "abc")]}, "query"),
        ({"query": [("a", "b\nc")]}, "query"),
        ({"headers": [("Authorization", "Bearer {{text}}")]}, "headers"),
        ({"headers": [("hOst", "evil.example")]}, "headers"),
        ({"headers": [("Content-Length", "0")]}, "headers"),
        ({"headers": [("Transfer-Encoding", "chunked")]}, "headers"),
        ({"headers": [("Cookie", "a=b")]}, "headers"),
        ({"headers": [("X-Api-Key", "abc")]}, "headers"),
        ({"headers": [("X Y", "a")]}, "headers"),
        ({"headers": [("X-Y", "a\r\nb")]}, "headers"),
        ({"idempotency_header": "Cookie"}, "headers"),
        ({"body": "{no json"}, "body"),
        ({"body": '{"{{text}}": 1}'}, "body"),
        ({"body": '{"a": "{{nobody}}"}'}, "body"),
        ({"body": "[" * 65 + "]" * 65}, "body"),
        ({"parameters": [*GOOD.parameters, Parameter(name="id")]}, "parameters"),
        ({"parameters": [*GOOD.parameters, Parameter(name="unused")]}, "parameters"),
        ({"parameters": [*GOOD.parameters[1:], Parameter(name="id", type="number", default="x")]}, "parameters"),
        ({"parameters": [*GOOD.parameters, Parameter(name="no name")]}, "parameters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        check(replace(GOOD, **wrong))
    assert field in {error.field for error in raised.value.errors}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"strategy": "magic"}, "strategy"),
        ({"strategy": "page", "records_at": "/items", "parameter": ""}, "parameter"),
        ({"strategy": "page", "parameter": "page"}, "records_at"),
        ({"strategy": "offset", "parameter": "offset"}, "records_at"),
        ({"strategy": "cursor", "parameter": "after"}, "next_at"),
        ({"strategy": "next_url"}, "next_at"),
        ({"strategy": "keyset", "parameter": "after", "records_at": ""}, "key_at"),
        (
            {"strategy": "cursor", "parameter": "after", "next_at": "/next", "parameter_in": "body"},
            "parameter_in",
        ),
        ({"records_at": "items"}, "records_at"),
        ({"next_at": "/a~2"}, "next_at"),
        ({"next_header": "X Y"}, "next_header"),
        ({"pages_max": 0}, "pages_max"),
        ({"pages_max": 101}, "pages_max"),
        ({"records_max": 100_001}, "records_max"),
        ({"seconds_max": 31}, "seconds_max"),
        ({"size_max_mib": 11}, "size_max_mib"),
        ({"size": 100}, "size"),
        ({"first_page": 2}, "first_page"),
    ],
)
def test_what_is_wrong_with_the_pagination_is_named(wrong: dict[str, Any], field: str) -> None:
    definition = Definition(name="List", pagination=Pagination(**wrong))
    with pytest.raises(Invalid) as raised:
        check(definition)
    assert f"pagination.{field}" in {error.field for error in raised.value.errors}
