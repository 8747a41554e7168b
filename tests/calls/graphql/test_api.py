"""`/api/v1/integrations/<id>/graphql`."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.calls.graphql.queries import current_version, find_proposal
from tests.api_client import Api, messages
from tests.calls.graphql.conftest import TOKEN, Desk
from tests.calls.graphql.server import SDL
from tests.people import People

ORDERS = "query Orders($first: Int!) { orders(first: $first) { id } }"
NARROWER = SDL.replace("  note: String\n", "")


@pytest.fixture
def key(app: Flask, people: People) -> Callable[..., Api]:
    """Return what makes an API key of these scopes."""
    return lambda *scopes: Api(app, people.acme.id, people.bob.id, scopes)


@pytest.fixture
def api_of(key: Callable[..., Api]) -> Api:
    return key("integrations:read", "integrations:write", "integrations:call", "integrations:mutate")


def test_from_a_schema_to_a_run(desk: Desk, api_of: Api) -> None:
    base = f"/integrations/{desk.id}/graphql"
    assert api_of("GET", f"{base}/schema").status_code == 404
    saved = api_of("PUT", f"{base}/schema", {}).get_json()
    assert (saved["is_changed"], saved["is_saved"], saved["version"]["number"]) == (True, True, 1)
    assert saved["version"]["source"] == "introspection"
    again = api_of("PUT", f"{base}/schema", {"sdl": SDL}).get_json()
    assert (again["is_changed"], again["is_saved"]) == (False, False)
    created = api_of("POST", f"{base}/operations", {"document": ORDERS})
    assert created.status_code == 201
    operation = created.get_json()
    assert (operation["name"], operation["kind"], operation["problems"]) == ("Orders", "query", [])
    assert operation["variables"] == [{"name": "first", "type": "Int!", "is_required": True, "default": ""}]
    ran = api_of("POST", f"{base}/operations/{operation['id']}/run", {"variables": {"first": 2}})
    report = ran.get_json()
    assert (ran.status_code, report["state"], report["errors"]) == (200, "SUCCEEDED", [])
    assert [order["id"] for order in report["body"]["data"]["orders"]] == ["0", "1"]
    assert report["limits"] == [{"unit": "calls per hour", "quota": 1000, "remaining": 998}]
    assert TOKEN not in ran.get_data(as_text=True)
    listed = api_of("GET", f"{base}/operations").get_json()["data"]
    assert [one["id"] for one in listed] == [operation["id"]]
    assert api_of("GET", f"{base}/schema").get_json()["sdl"] == saved["version"]["sdl"]


def test_wrong_variables_are_named(desk: Desk, api_of: Api) -> None:
    desk.renew()
    operation_id = desk.save(ORDERS)
    path = f"/integrations/{desk.id}/graphql/operations/{operation_id}/run"
    answer = api_of("POST", path, {"variables": {"first": "x"}})
    assert answer.status_code == 422
    assert "Int cannot represent" in messages(answer)["variables.first"]


def test_what_breaks_operations_is_a_conflict(desk: Desk, api_of: Api) -> None:
    desk.renew()
    operation_id = desk.save("query Notes { orders { note } }")
    path = f"/integrations/{desk.id}/graphql/schema"
    preview = api_of("PUT", path, {"sdl": NARROWER, "is_preview": True}).get_json()
    assert (preview["is_changed"], preview["is_saved"]) == (True, False)
    assert preview["version"]["number"] is None
    assert [one["id"] for one in preview["version"]["broken"]] == [operation_id]
    assert preview["version"]["changes"]["breaking"] == [
        {"type": "FIELD_REMOVED", "description": "Field Order.note was removed."}
    ]
    refused = api_of("PUT", path, {"sdl": NARROWER})
    assert refused.status_code == 409
    assert "It breaks 1 of 1 saved operations: Notes." in refused.get_json()["detail"]
    with desk.app.app_context():
        current = current_version(desk.id)
        assert current is not None
        assert current.number == 1
        assert find_proposal(desk.id) is None
    saved = api_of("PUT", path, {"sdl": NARROWER, "accept_broken": True}).get_json()
    assert (saved["is_saved"], saved["version"]["number"]) == (True, 2)
    versions = api_of("GET", f"/integrations/{desk.id}/graphql/versions").get_json()["data"]
    assert [(one["number"], len(one["broken"])) for one in versions] == [(2, 1), (1, 0)]
    page = api_of("GET", f"/integrations/{desk.id}/graphql/versions?limit=1").get_json()
    assert ([one["number"] for one in page["data"]], page["next_cursor"]) == ([2], "2")
    rest = api_of("GET", f"/integrations/{desk.id}/graphql/versions?cursor=2").get_json()
    assert ([one["number"] for one in rest["data"]], rest["next_cursor"]) == ([1], None)
    old = api_of("GET", f"/integrations/{desk.id}/graphql/versions/1").get_json()
    assert "note: String" in old["sdl"]
    shown = api_of("GET", f"/integrations/{desk.id}/graphql/operations/{operation_id}").get_json()
    assert "Cannot query field 'note'" in shown["problems"][0]


def test_a_mutation_needs_its_own_scope(desk: Desk, api_of: Api, key: Callable[..., Api]) -> None:
    desk.renew()
    operation_id = desk.save("mutation Cancel($id: ID!) { cancelOrder(id: $id) { id } }")
    path = f"/integrations/{desk.id}/graphql/operations/{operation_id}/run"
    body = {"variables": {"id": "7"}}
    refused = key("integrations:call")("POST", path, body)
    assert refused.status_code == 403
    assert "integrations:mutate" in refused.get_json()["detail"]
    assert desk.server.root.cancelled == []
    assert api_of("POST", path, body).get_json()["state"] == "SUCCEEDED"
    assert desk.server.root.cancelled == ["7"]


def test_a_change_needs_the_version_that_was_read(desk: Desk, api_of: Api) -> None:
    desk.renew()
    path = f"/integrations/{desk.id}/graphql/operations/{desk.save(ORDERS)}"
    tag = api_of("GET", path).headers["ETag"]
    changed = api_of("PATCH", path, {"description": "First."}, headers={"If-Match": tag})
    assert changed.get_json()["description"] == "First."
    assert api_of("PATCH", path, {"description": "Late."}, headers={"If-Match": tag}).status_code == 412
    assert api_of("DELETE", path, headers={"If-Match": tag}).status_code == 412
    assert api_of("DELETE", path).status_code == 204
    assert api_of("GET", path).status_code == 404


def test_a_repeated_request_saves_once(desk: Desk, api_of: Api) -> None:
    desk.renew()
    path, headers = f"/integrations/{desk.id}/graphql/operations", {"Idempotency-Key": "orders"}
    first = api_of("POST", path, {"document": ORDERS}, headers=headers)
    second = api_of("POST", path, {"document": ORDERS}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json() == second.get_json()


def test_an_operation_is_found_only_at_its_integration(desk: Desk, api_of: Api) -> None:
    desk.renew()
    operation_id = desk.save(ORDERS)
    other = "int_01k9zq4w6v3m8t7c5x2b9d0r1s"
    assert api_of("GET", f"/integrations/{other}/graphql/operations/{operation_id}").status_code == 404


def test_headers_go_with_introspection_only(desk: Desk, api_of: Api) -> None:
    path = f"/integrations/{desk.id}/graphql/schema"
    answer = api_of("PUT", path, {"sdl": SDL, "headers": {"X-Admin-Secret": "s"}})
    assert "headers" in messages(answer)
    desk.server.admin_secret = "open-sesame"
    refused = api_of("PUT", path, {"headers": {"X-Admin-Secret": "wrong-one"}})
    assert refused.status_code == 409
    assert "introspection is disabled" in refused.get_json()["detail"]
    assert api_of("PUT", path, {"headers": {"X-Admin-Secret": "open-sesame"}}).status_code == 200
