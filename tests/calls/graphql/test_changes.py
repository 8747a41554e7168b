"""Every class of change that graphql-core knows, as a new schema shows it."""

import pytest
from graphql.utilities import BreakingChangeType, DangerousChangeType, SafeChangeType

from app.calls.graphql.validation.checks import TakenSchema, take_schema

Q = "type Query { a: Int } "
INTERFACE = Q + "interface Node { id: ID } "
BREAKING = {
    "TYPE_REMOVED": (Q + "type T { a: Int }", Q),
    "TYPE_CHANGED_KIND": (Q + "type T { a: Int }", Q + "interface T { a: Int }"),
    "TYPE_REMOVED_FROM_UNION": (
        Q + "type A { a: Int } type B { a: Int } union U = A | B",
        Q + "type A { a: Int } type B { a: Int } union U = A",
    ),
    "VALUE_REMOVED_FROM_ENUM": (Q + "enum E { A B }", Q + "enum E { A }"),
    "REQUIRED_INPUT_FIELD_ADDED": (Q + "input I { a: Int }", Q + "input I { a: Int b: Int! }"),
    "IMPLEMENTED_INTERFACE_REMOVED": (
        INTERFACE + "type T implements Node { id: ID }",
        INTERFACE + "type T { id: ID }",
    ),
    "FIELD_REMOVED": ("type Query { a: Int b: Int }", Q),
    "FIELD_CHANGED_KIND": (Q, "type Query { a: String }"),
    "REQUIRED_ARG_ADDED": (Q, "type Query { a(x: Int!): Int }"),
    "ARG_REMOVED": ("type Query { a(x: Int): Int }", Q),
    "ARG_CHANGED_KIND": ("type Query { a(x: Int): Int }", "type Query { a(x: String): Int }"),
    "DIRECTIVE_REMOVED": (Q + "directive @d on FIELD", Q),
    "DIRECTIVE_ARG_REMOVED": (Q + "directive @d(x: Int) on FIELD", Q + "directive @d on FIELD"),
    "REQUIRED_DIRECTIVE_ARG_ADDED": (Q + "directive @d on FIELD", Q + "directive @d(x: Int!) on FIELD"),
    "DIRECTIVE_REPEATABLE_REMOVED": (Q + "directive @d repeatable on FIELD", Q + "directive @d on FIELD"),
    "DIRECTIVE_LOCATION_REMOVED": (Q + "directive @d on FIELD | QUERY", Q + "directive @d on FIELD"),
}
DANGEROUS = {
    "VALUE_ADDED_TO_ENUM": (Q + "enum E { A }", Q + "enum E { A B }"),
    "TYPE_ADDED_TO_UNION": (
        Q + "type A { a: Int } type B { a: Int } union U = A",
        Q + "type A { a: Int } type B { a: Int } union U = A | B",
    ),
    "OPTIONAL_INPUT_FIELD_ADDED": (Q + "input I { a: Int }", Q + "input I { a: Int b: Int }"),
    "OPTIONAL_ARG_ADDED": (Q, "type Query { a(x: Int): Int }"),
    "IMPLEMENTED_INTERFACE_ADDED": (
        INTERFACE + "type T { id: ID }",
        INTERFACE + "type T implements Node { id: ID }",
    ),
    "ARG_DEFAULT_VALUE_CHANGE": ("type Query { a(x: Int = 1): Int }", "type Query { a(x: Int = 2): Int }"),
    "INPUT_FIELD_DEFAULT_VALUE_CHANGE": (
        Q + "input I { a: Int = 1 }",
        Q + "input I { a: Int = 2 }",
    ),
}
SAFE = {
    "TYPE_ADDED": (Q, Q + "type T { a: Int }"),
    # Named as safe, too, and always reported as dangerous.
    "OPTIONAL_INPUT_FIELD_ADDED": None,
    "OPTIONAL_ARG_ADDED": None,
    "DIRECTIVE_ADDED": (Q, Q + "directive @d on FIELD"),
    "FIELD_ADDED": (Q, "type Query { a: Int b: Int }"),
    "DIRECTIVE_REPEATABLE_ADDED": (Q + "directive @d on FIELD", Q + "directive @d repeatable on FIELD"),
    "DIRECTIVE_LOCATION_ADDED": (Q + "directive @d on FIELD", Q + "directive @d on FIELD | QUERY"),
    "OPTIONAL_DIRECTIVE_ARG_ADDED": (Q + "directive @d on FIELD", Q + "directive @d(x: Int) on FIELD"),
    "FIELD_CHANGED_KIND_SAFE": (Q, "type Query { a: Int! }"),
    "ARG_CHANGED_KIND_SAFE": ("type Query { a(x: Int!): Int }", "type Query { a(x: Int): Int }"),
    "ARG_DEFAULT_VALUE_ADDED": ("type Query { a(x: Int): Int }", "type Query { a(x: Int = 1): Int }"),
    "DESCRIPTION_CHANGED": (Q, '"What there is." ' + Q),
    "INPUT_FIELD_DEFAULT_VALUE_ADDED": (Q + "input I { a: Int }", Q + "input I { a: Int = 1 }"),
}
CASES = [
    (severity, name, pair)
    for severity, cases in (("breaking", BREAKING), ("dangerous", DANGEROUS), ("safe", SAFE))
    for name, pair in cases.items()
    if pair is not None
]


def take(before: str, after: str) -> TakenSchema:
    return take_schema("team", sdl=after, before=take_schema("team", sdl=before).schema)


@pytest.mark.parametrize(("severity", "name", "pair"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_a_change_is_found_with_its_severity(severity: str, name: str, pair: tuple[str, str]) -> None:
    found = take(*pair).changes[severity]
    assert name in [change["type"] for change in found["first"]], found
    assert found["count"] == len(found["first"])


def test_no_class_of_change_is_left_out() -> None:
    assert set(BREAKING) == {one.name for one in BreakingChangeType}
    assert set(DANGEROUS) == {one.name for one in DangerousChangeType}
    assert set(SAFE) == {one.name for one in SafeChangeType}


def test_order_and_comments_change_nothing() -> None:
    first = take_schema("team", sdl="type Query { b: Int a: T } type T { x: Int }")
    second = take_schema("team", sdl="# of today\ntype T { x: Int }\ntype Query { a: T, b: Int }")
    assert first.schema == second.schema
