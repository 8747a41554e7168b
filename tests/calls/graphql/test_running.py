"""Saved operations: what can be saved, and what became of a run."""

import json
from typing import Any

import pytest

from app.calls.graphql.rules import RunState
from app.calls.graphql.services.operations import create_operation, update_operation
from app.calls.graphql.services.variables import variables_from_fields, variables_from_json
from app.integrations.services.integrations import update_integration
from app.lib.errors import AuthorizationFailed, Conflict, Invalid
from app.web.limits import QuotaExceeded
from tests.calls.graphql.conftest import TOKEN, Desk
from tests.calls.graphql.server import SDL

ORDERS = "query Orders($first: Int!, $status: Status) { orders(first: $first, status: $status) { id total } }"
CANCEL = "mutation Cancel($id: ID!) { cancelOrder(id: $id) { id status } }"


@pytest.fixture
def ready(desk: Desk) -> Desk:
    """Return the integration with its schema."""
    desk.renew()
    return desk


def test_a_query_runs_with_its_variables(ready: Desk) -> None:
    report = ready.run(ready.save(ORDERS), {"first": 2, "status": "OPEN"})
    assert (report.state, report.status_code, report.errors) == (RunState.SUCCEEDED, 200, ())
    assert [order["id"] for order in report.content["data"]["orders"]] == ["0", "1"]
    (asked,) = ready.server.asked
    assert (asked.operation_name, asked.variables) == ("Orders", {"first": 2, "status": "OPEN"})
    assert asked.query == ORDERS
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    (left,) = report.limits
    assert (left.policy.quota, left.remaining) == (1000, 999)


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({}, "variables.first"),
        ({"first": "2"}, "variables.first"),
        ({"first": 2, "status": "LOST"}, "variables.status"),
        ({"first": 2, "other": 1}, "variables.other"),
    ],
)
def test_variables_that_do_not_fit_are_not_sent(ready: Desk, variables: dict[str, Any], field: str) -> None:
    operation_id = ready.save(ORDERS)
    with pytest.raises(Invalid) as refused:
        ready.run(operation_id, variables)
    assert [error.field for error in refused.value.errors] == [field]
    assert ready.server.asked == []


def test_data_beside_errors_is_a_part(ready: Desk) -> None:
    report = ready.run(ready.save("query Failing { order(id: 1) { id fails } }"))
    assert (report.state, report.status_code) == (RunState.PARTIAL, 200)
    assert report.errors == ("order.fails: no note",)


def test_errors_with_an_empty_data_are_a_part_and_without_any_a_failure(ready: Desk) -> None:
    report = ready.run(ready.save("query Closed { broken }"))
    # `data` is an object whose one field is null: the specification calls that partial.
    assert (report.state, report.errors) == (RunState.PARTIAL, ("broken: the order desk is closed",))


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        ("200 OK", b'{"errors": [{"message": "no"}]}', "returned no data"),
        ("200 OK", b'{"data": null, "errors": [{"message": "no"}]}', "returned no data"),
        ("200 OK", b'{"data": null}', "returned no data"),
        ("200 OK", b'{"errors": []}', "returned no data"),
        ("200 OK", b'{"data": null, "errors": "oops"}', "returned no data"),
        ("200 OK", b"<html>", "not as a GraphQL server does"),
        ("200 OK", b"[]", "not as a GraphQL server does"),
        ("200 OK", b"", "not as a GraphQL server does"),
        ("302 Found", b"", "Redirects are not followed"),
        ("401 Unauthorized", b'{"errors": [{"message": "who?"}]}', "The credentials are wrong"),
        ("500 Internal Server Error", b'{"data": {"a": 1}}', "trouble of its own"),
        ("200 OK", b'{"data": ' + b"[" * 70 + b"]" * 70 + b"}", "nested deeper than 64"),
    ],
)
def test_what_is_no_success_is_a_failure(ready: Desk, status: str, body: bytes, words: str) -> None:
    operation_id = ready.save("query Ids { orders { id } }")
    ready.server.answer_with(body, status)
    report = ready.run(operation_id)
    assert report.state == RunState.FAILED
    assert words in report.words


def test_secrets_do_not_come_back(ready: Desk) -> None:
    operation_id = ready.save("query Ids { orders { id } }")
    answer = {"data": {"echo": f"token {TOKEN}"}, "errors": [{"message": TOKEN}]}
    ready.server.answer_with(json.dumps(answer).encode())
    report = ready.run(operation_id)
    for shown in (report.body, json.dumps(report.content), *report.errors):
        assert TOKEN not in shown
    assert report.content["data"]["echo"].startswith("token ")


def test_a_mutation_is_sent_once(ready: Desk) -> None:
    operation_id = ready.save(CANCEL)
    ready.server.answer_with(b"busy", "503 Service Unavailable")
    assert ready.run(operation_id, {"id": "7"}).state == RunState.FAILED
    assert len(ready.server.asked) == 1
    ready.server.reply = None
    assert ready.run(operation_id, {"id": "7"}).state == RunState.SUCCEEDED
    assert ready.server.root.cancelled == ["7"]


def test_a_mutation_needs_its_own_permission(ready: Desk) -> None:
    operation_id = ready.save(CANCEL)
    with pytest.raises(AuthorizationFailed, match="integrations:mutate"):
        ready.run(operation_id, {"id": "7"}, may_mutate=False)
    assert ready.server.asked == []


def test_an_operation_that_does_not_fit_is_not_sent(ready: Desk) -> None:
    operation_id = ready.save("query Notes { orders { note } }")
    ready.renew(SDL.replace("  note: String\n", ""))
    with pytest.raises(Conflict, match="does not fit the current schema"):
        ready.run(operation_id)
    assert ready.server.asked == []


def test_a_run_counts_against_the_integrations_limits(ready: Desk) -> None:
    operation_id = ready.save("query Ids { orders { id } }")
    with ready.app.app_context():
        update_integration(ready.team_id, ready.id, {"hourly_limit": 1})
    ready.run(operation_id)
    with pytest.raises(QuotaExceeded):
        ready.run(operation_id)
    assert len(ready.server.asked) == 1


def test_an_operation_is_saved_only_when_it_fits(ready: Desk) -> None:
    with pytest.raises(Invalid) as refused:
        ready.save("query Q { orders { colour } }")
    (error,) = refused.value.errors
    assert (error.field, error.message) == (
        "document",
        "Line 1: Cannot query field 'colour' on type 'Order'.",
    )


def test_an_operation_needs_a_schema(desk: Desk) -> None:
    with pytest.raises(Conflict, match="has no schema yet"):
        desk.save(ORDERS)


def test_names_are_unique_within_an_integration(ready: Desk) -> None:
    ready.save(ORDERS)
    with pytest.raises(Conflict, match="There is an operation Orders already"):
        ready.save(ORDERS)


def test_a_change_is_checked_and_renames(ready: Desk) -> None:
    operation_id = ready.save(ORDERS)
    with ready.app.app_context():
        with pytest.raises(Invalid):
            update_operation(ready.team_id, operation_id, document="query Q { nothing }")
        update_operation(ready.team_id, operation_id, document=CANCEL, description="Cancels.")
    changed = ready.operation(operation_id)
    assert (changed.name, changed.kind, changed.description) == ("Cancel", "mutation", "Cancels.")
    assert [one["name"] for one in changed.variables] == ["id"]


def test_an_operation_of_another_team_is_not_found(ready: Desk) -> None:
    operation_id = ready.save(ORDERS)
    with ready.app.app_context(), pytest.raises(Exception, match="no such operation"):
        update_operation("team_of_another", operation_id, description="x")
    with ready.app.app_context(), pytest.raises(Exception, match="no such integration"):
        create_operation("team_of_another", ready.id, document=ORDERS)


def asked(kind: str) -> list[dict[str, Any]]:
    return [{"name": "v", "kind": kind}]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", " 12 ", 12),
        ("number", "1.5", 1.5),
        ("boolean", "true", True),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("text", " 12 ", " 12 "),
        ("choice", "OPEN", "OPEN"),
        ("scalar", "2026-01-01", "2026-01-01"),
        ("scalar", "123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_fields_become_variables(kind: str, text: str, value: object) -> None:
    assert variables_from_fields(asked(kind), {"v": text}) == {"v": value}


def test_an_empty_field_is_not_sent() -> None:
    assert variables_from_fields(asked("integer"), {"v": " "}) == {}


@pytest.mark.parametrize("text", ["[1]", "{", "NaN", '{"a": NaN}', "[" * 100, '{"a": ' + "9" * 5000 + "}"])
def test_variables_that_are_no_json_object_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        variables_from_json(text)


def test_large_numbers_arrive_as_they_were_written(ready: Desk) -> None:
    assert variables_from_json('{"n": 123456789012345678901234567890}') == {
        "n": 123456789012345678901234567890
    }
    assert variables_from_json("") == {}
