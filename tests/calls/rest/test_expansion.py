"""Values of parameters in their places: what is encoded, what keeps its type, what is refused before anything is sent."""

import json
from typing import Any

import pytest

from app.calls.rest.definition import Definition, Parameter
from app.calls.rest.expansion import bind, expand_path, prepare
from app.lib.errors import Invalid


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("4711", "/contacts/4711/notes"),
        ("a b?c#d&e=f%2F", "/contacts/a%20b%3Fc%23d%26e%3Df%252F/notes"),
        ("ü", "/contacts/%C3%BC/notes"),
        ("v1...v2", "/contacts/v1...v2/notes"),
        (17, "/contacts/17/notes"),
        (True, "/contacts/true/notes"),
    ],
)
def test_a_value_in_the_path_stays_within_its_segment(value: object, path: str) -> None:
    assert expand_path("/contacts/{id}/notes", {"id": value}) == path


@pytest.mark.parametrize(
    "value", ["", "a/b", "..", ".", "../admin", "a\\b", "a\r\nb", "a\nb", "\0", "\u2028", {"a": "/"}]
)
def test_a_value_that_would_leave_its_segment_is_refused(value: object) -> None:
    with pytest.raises(Invalid) as raised:
        expand_path("/contacts/{id}/notes", {"id": value})
    assert [error.field for error in raised.value.errors] == ["parameters.id"]


def test_two_values_cannot_make_two_dots_together() -> None:
    with pytest.raises(Invalid):
        expand_path("/contacts/{a}{b}", {"a": ".", "b": "."})
    with pytest.raises(Invalid):
        expand_path("/contacts/%2e{a}", {"a": "."})


def filled(template: Any, **values: Any) -> Any:
    return prepare(Definition(name="x", method="POST", body=json.dumps(template)), values).body


def test_a_place_alone_keeps_the_type_of_its_value() -> None:
    template = {"amount": "{{amount}}", "tags": ["{{tags}}", "fixed"], "ok": "{{ ok }}", "n": 1, "none": None}
    assert filled(template, amount=12.5, tags={"a": [1, None]}, ok=False) == {
        "amount": 12.5,
        "tags": [{"a": [1, None]}, "fixed"],
        "ok": False,
        "n": 1,
        "none": None,
    }


def test_a_place_amid_text_becomes_text_and_is_expanded_once() -> None:
    assert filled({"text": "{{a}}: {{b}} {c}"}, a="{{b}}", b=[1, True]) == {"text": "{{b}}: [1,true] {c}"}


def test_quotes_in_a_value_cannot_change_the_structure() -> None:
    assert filled({"text": "{{a}}"}, a='", "admin": true, "x": "') == {"text": '", "admin": true, "x": "'}


def test_nothing_is_carried_out() -> None:
    assert filled({"text": "{{a}} {{a.b}} {{1+1}} {% x %} ${a}"}, a="v") == {
        "text": "v {{a.b}} {{1+1}} {% x %} ${a}"
    }


def test_an_optional_value_that_is_missing_is_left_out_where_it_stands_alone() -> None:
    definition = Definition(
        name="x",
        method="POST",
        query=[("archived", "{{archived}}"), ("page", "1")],
        headers=[("X-Trace", "{{trace}}")],
        body='{"a": "{{archived}}", "list": ["{{archived}}", 2]}',
    )
    prepared = prepare(definition, {})
    assert (prepared.query, prepared.headers, prepared.body) == ([("page", "1")], [], {"list": [2]})


@pytest.mark.parametrize(
    "definition",
    [
        Definition(name="x", path="/a/{id}"),
        Definition(name="x", query=[("q", "id:{{id}}")]),
        Definition(name="x", headers=[("X-Id", "id {{id}}")]),
        Definition(name="x", method="POST", body='{"a": "id {{id}}"}'),
        Definition(name="x", method="POST", body='"{{id}}"'),
    ],
)
def test_a_place_without_a_value_is_an_error_before_anything_is_sent(definition: Definition) -> None:
    with pytest.raises(Invalid):
        prepare(definition, {})


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "ü", "\0"])
def test_a_header_cannot_be_broken_by_a_value(value: str) -> None:
    with pytest.raises(Invalid):
        prepare(Definition(name="x", headers=[("X-Note", "{{note}}")]), {"note": value})


def test_parameters_are_checked_and_all_that_is_wrong_is_named() -> None:
    parameters = [
        Parameter(name="id"),
        Parameter(name="count", type="number"),
        Parameter(name="ok", type="boolean"),
        Parameter(name="more", type="json", is_required=False),
        Parameter(name="left", type="string"),
    ]
    with pytest.raises(Invalid) as raised:
        bind(parameters, {"id": 7, "count": True, "ok": "yes", "typo": 1})
    assert {error.field for error in raised.value.errors} == {
        f"parameters.{name}" for name in ("id", "count", "ok", "left", "typo")
    }


def test_defaults_stand_in_and_null_is_a_value_of_json_only() -> None:
    parameters = [
        Parameter(name="limit", type="number", default=50),
        Parameter(name="note", is_required=False),
        Parameter(name="data", type="json", is_required=False),
    ]
    assert bind(parameters, {"note": None, "data": None}) == {"limit": 50, "data": None}


@pytest.mark.parametrize(("kind", "value"), [("number", 2**70), ("string", "x" * 100_001)])
def test_values_that_cannot_be_sent_are_refused(kind: Any, value: object) -> None:
    with pytest.raises(Invalid):
        bind([Parameter(name="a", type=kind)], {"a": value})


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    deep: object = 1
    for _ in range(65):
        deep = [deep]
    with pytest.raises(Invalid):
        bind([Parameter(name="a", type="json")], {"a": deep})
