"""Validation in child processes: what is stopped, and that nothing else waits for it."""

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query, parse, print_ast

from app.calls.graphql import introspection, rules
from app.calls.graphql.validation import checks, pool
from app.calls.graphql.validation.checks import (
    StoredSchema,
    VariableErrors,
    check_document,
    check_variables,
    take_schema,
)
from app.calls.graphql.validation.pool import CheckEnded, ValidatorPool
from app.lib.errors import Invalid, Unavailable

SDL = "type Query { a(x: Int, e: E, i: In): String b: Query } enum E { A B } input In { q: String! r: [In!] }"
TEAM = "team_of_the_test"
#: For the child that sleeps instead of validating.
STUCK: dict[str, Any] = {"act": "check_document", "limits": {"schema_cpu_s": 100, "document_cpu_s": 100}}


@pytest.fixture(scope="module")
def schema() -> StoredSchema:
    return take_schema(TEAM, sdl=SDL).schema


def aliases(count: int) -> str:
    """Return the query that is known to keep validators busy: one field under thousands of names."""
    return "query Q { " + " ".join(f"a{number}: b {{ a }}" for number in range(count)) + " }"


#: Within all bounds, and half a second of work: each of its fields is compared with each other.
COSTLY = "query Q { " + "b { a } " * 450 + "}"


def test_the_query_of_3000_aliases_is_stopped_at_once(schema: StoredSchema) -> None:
    started_s = time.thread_time()
    (problem,) = check_document(TEAM, schema, aliases(3000)).problems
    assert "more than 2000 tokens" in problem
    # This process had nothing to do with it.
    assert time.thread_time() - started_s < 0.5


def test_a_document_that_costs_too_much_is_stopped(
    schema: StoredSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(checks._LIMITS, "document_cpu_s", 0.05)
    with pytest.raises(Invalid) as refused:
        check_document(TEAM, schema, COSTLY)
    assert refused.value.errors[0].message.startswith("It takes too long to validate.")
    monkeypatch.undo()
    # Its process is gone; the next one answers.
    assert check_document(TEAM, schema, "query Q { a }").problems == ()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{ a }", "Give the operation a name"),
        ("query Q { zz }", "Cannot query field 'zz'"),
        ("query Q { a", "Expected Name"),
        ("subscription S { a }", "Subscriptions are not possible"),
        ("query A { a } query B { a }", "exactly one operation; here are 2"),
        ("fragment F on Query { a }", "exactly one operation; here are 0"),
        ("query Q { a } type T { a: Int }", "Definitions of types belong to the schema"),
        ("mutation M { a }", "mutation operation is not supported"),
        ("query Q { " + "b { " * 400 + "a" + " }" * 400 + " }", "nested too deeply"),
        ("query Q($x: Int) { a }", "never used"),
        ("query Q(" + " ".join(f"$v{n}: Int" for n in range(51)) + ") { a }", "more than 50 variables"),
        ("query Q { a } #" + "x" * rules.DOCUMENT_MAX_CHARS, "code points"),
    ],
)
def test_a_document_that_cannot_be_saved_is_explained(
    schema: StoredSchema, document: str, words: str
) -> None:
    problems = check_document(TEAM, schema, document).problems
    assert any(words in problem for problem in problems), problems


def test_the_variables_of_a_document_are_described(schema: StoredSchema) -> None:
    document = "query Q($n: Int! = 3, $e: E!, $i: In) { a(x: $n, e: $e, i: $i) }"
    found = check_document(TEAM, schema, document)
    assert (found.name, found.kind, found.problems) == ("Q", "query", ())
    shown = [(one["name"], one["type"], one["kind"], one["is_required"]) for one in found.variables]
    assert shown == [
        ("n", "Int!", "integer", False),
        ("e", "E!", "choice", True),
        ("i", "In", "json", False),
    ]
    assert found.variables[0]["default"] == "3"
    assert found.variables[1]["choices"] == ["A", "B"]
    assert found.variables[2]["fields"] == ["q: String!", "r: [In!]"]


@pytest.mark.parametrize(
    ("values", "variable", "words"),
    [
        ({"i": {"q": 1}}, "i", "String cannot represent"),
        ({"i": {}}, "i", "q"),
        ({"n": "three"}, "n", "Int cannot represent"),
        ({"n": 2**40}, "n", "32-bit"),
        ({}, "n", "n"),
        ({"n": 1, "unknown": 1}, "unknown", "takes no such variable"),
    ],
)
def test_variables_that_do_not_fit_are_named(
    schema: StoredSchema, values: dict[str, Any], variable: str, words: str
) -> None:
    with pytest.raises(VariableErrors) as refused:
        check_variables(TEAM, schema, "query Q($n: Int!, $i: In) { a(x: $n, i: $i) }", values)
    assert any(name == variable and words in message for name, message in refused.value.errors), (
        refused.value.errors
    )


@pytest.mark.parametrize(
    ("sdl", "words"),
    [
        ("", "Unexpected <EOF>"),
        ("type Query {", "Expected Name"),
        ("type T { a: Int }", "Query root type must be provided"),
        ("type Query { a: Unknown }", "Unknown type"),
        ("type Query { a: " + "[" * 5000 + "Int" + "]" * 5000 + " }", "nested too deeply"),
    ],
)
def test_a_schema_that_is_none_is_explained(sdl: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        take_schema(TEAM, sdl=sdl)
    assert words in refused.value.errors[0].message


def test_a_schema_of_too_many_types_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks._LIMITS, "types_max", 100)
    sdl = "type Query { a: Int } " + " ".join(f"type T{n} {{ a: Int }}" for n in range(100))
    with pytest.raises(Invalid) as refused:
        take_schema(TEAM, sdl=sdl)
    assert "at most 100 are taken" in refused.value.errors[0].message


def test_a_schema_of_too_many_tokens_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks._LIMITS, "sdl_tokens_max", 50)
    with pytest.raises(Invalid) as refused:
        take_schema(TEAM, sdl="type Query { " + "a: Int " * 100 + "}")
    assert "more than 50 tokens" in refused.value.errors[0].message


def test_a_schema_that_costs_too_much_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks._LIMITS, "schema_cpu_s", 0.05)
    sdl = "type Query { a: Int } " + " ".join(f"type T{n} {{ a: Int }}" for n in range(5000))
    with pytest.raises(Invalid) as refused:
        take_schema(TEAM, sdl=sdl)
    assert refused.value.errors[0].message == "It takes too long to validate."


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("<html>", "did not answer with JSON"),
        ("[]", "holds no schema"),
        ('{"data": null}', "holds no schema"),
        ('{"data": {"__schema": {}}}', "cannot be read"),
        ('{"data": {"__schema": {"types": 5, "queryType": {"name": "Q"}}}}', "cannot be read"),
        ('{"errors": [{"message": "introspection is off"}]}', "introspection is off"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_an_introspection_answer_that_is_none_is_explained(answer: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        take_schema(TEAM, introspection=answer)
    assert words in refused.value.errors[0].message


def test_the_introspection_query_is_graphql_cores() -> None:
    assert print_ast(parse(introspection.QUERY)) == print_ast(parse(get_introspection_query()))


def test_a_child_that_does_not_answer_is_killed_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _command, **more: real(["/bin/sleep", "1000"], **more))
    stuck = ValidatorPool()
    with pytest.raises(CheckEnded):
        stuck.ask(STUCK, owner=TEAM, deadline_s=0.1)
    stuck.close()


def test_a_child_that_ended_meanwhile_is_replaced(schema: StoredSchema) -> None:
    ours = ValidatorPool()
    request = {
        "act": "check_document",
        "schema": schema.as_json(),
        "document": "query Q { a }",
        "limits": checks._LIMITS,
    }
    assert ours.ask(request, owner=TEAM, deadline_s=30)["problems"] == []
    (child,) = ours._idle
    child._process.kill()
    child._process.wait()
    assert ours.ask(request, owner=TEAM, deadline_s=30)["problems"] == []
    ours.close()


def test_one_team_does_not_take_every_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """A team that keeps its child busy waits for itself; another one is served, and a crowd is refused at once."""
    monkeypatch.setattr(pool, "WAIT_S", 30.0)
    ours, is_held = ValidatorPool(), threading.Event()
    taken: list[str] = []

    def hold(owner: str) -> None:
        with ours._slot(owner):
            taken.append(owner)
            is_held.wait(60)

    busy = [threading.Thread(target=hold, args=("busy",)) for _ in range(3)]
    for thread in busy:
        thread.start()
    until_s = time.monotonic() + 30
    while ours._waiting < pool.WAITING_MAX or not taken:
        assert time.monotonic() < until_s
        time.sleep(0.005)
    assert taken == ["busy"]
    with pytest.raises(Unavailable), ours._slot("busy"):
        pass
    with ours._slot("other"):
        pass
    is_held.set()
    for thread in busy:
        thread.join(30)
    assert taken == ["busy"] * 3


def test_a_child_is_given_nothing_of_ours(schema: StoredSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "not for children")
    ours = ValidatorPool()
    request = {
        "act": "check_document",
        "schema": schema.as_json(),
        "document": "query Q { a }",
        "limits": checks._LIMITS,
    }
    ours.ask(request, owner=TEAM, deadline_s=30)
    pid = ours._idle[0]._process.pid
    proc = Path(f"/proc/{pid}")
    assert (proc / "environ").read_bytes() == b""
    assert sorted(os.listdir(proc / "fd")) == ["0", "1", "2"]
    assert str(pool.MEMORY_BYTES) in (proc / "limits").read_text()
    ours.close()


def test_depth_is_measured_outside_of_strings() -> None:
    assert not rules.is_too_deep(b'{"a": "[[[[[\\"{{{{{", "b": [1, {"c": []}]}', 4)
    assert rules.is_too_deep(b'{"a": [[[[]]]]}', 4)
    assert not rules.is_too_deep(b"[" * 64 + b"]" * 64)
    assert rules.is_too_deep(b"[" * 65 + b"]" * 65)
