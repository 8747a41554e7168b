"""Pages of endpoints."""

import json
from typing import Any

import pytest
from flask import Flask

from app.calls.rest.definition import Parameter
from app.calls.rest.models import Endpoint
from app.extensions import db
from tests.calls.conftest import SECRET, Desk
from tests.page import Page
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver, Reply, always

LIST = "/t/acme/endpoints/"
FORM = {
    "name": "List notes",
    "description": "",
    "method": "GET",
    "path": "/contacts/{contact_id}/notes",
    "query": "archived: {{archived}}\r\n",
    "headers": "X-Source: desk",
    "body": "",
    "idempotency_header": "",
    "parameter_1_name": "contact_id",
    "parameter_1_type": "string",
    "parameter_1_is_required": "y",
    "parameter_2_name": "archived",
    "parameter_2_type": "boolean",
    "parameter_2_default": "false",
    "records_at": "/items",
    "strategy": "cursor",
    "cursor_parameter": "after",
    "cursor_in": "query",
    "cursor_at": "/next",
    "cursor_header": "",
    "page_parameter": "page",
    "size_parameter": "limit",
    "size": "2",
    "pages_max": "3",
    "records_max": "1000",
    "size_max_mib": "5",
    "seconds_max": "30",
}


def test_an_empty_list_leads_to_the_first_step(people: People, page: Page) -> None:
    document = page.get(LIST, people.bob)
    assert document.has_text("Connect a service first")
    assert "/t/acme/integrations/catalogue/" in document.links()


def test_an_endpoint_is_defined_from_its_form(app: Flask, people: People, page: Page, desk: Desk) -> None:
    assert page.get(LIST, people.bob).has_text("Define your first request")
    assert LIST + "new" not in page.get(LIST, people.mel).links()
    form = page.get(f"{LIST}new?integration={desk.integration_id}", people.bob)
    assert form.one("option", value=desk.integration_id).get("selected") is not None
    answer = people.bob.post(LIST + "new", {**FORM, "integration_id": desk.integration_id})
    assert answer.status_code == 303, page.read(answer).text()
    shown = page.get(answer.location, people.vic)
    for words in (
        "List notes",
        "GET /contacts/{contact_id}/notes",
        "contact_id",
        "Cursor",
        "at most 3 a run",
    ):
        assert shown.has_text(words), words
    assert not shown.all("form", id="try-form")
    with app.app_context():
        (endpoint,) = db.session.query(Endpoint).all()
        assert endpoint.query == [["archived", "{{archived}}"]]
        assert [(one["name"], one["is_required"], one["default"]) for one in endpoint.parameters] == [
            ("contact_id", True, None),
            ("archived", False, False),
        ]
        assert endpoint.pagination["next_at"] == "/next"
        assert endpoint.created_by_id == people.bob.id
    assert page.get(LIST, people.vic).has_text("List notes")
    assert "List notes" in people.vic.get(LIST + "download").get_data(as_text=True)


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"name": ""}, "name", "Give it a name"),
        ({"integration_id": ""}, "integration_id", "Choose the integration"),
        ({"path": "/contacts/{other}"}, "path", "not declared"),
        ({"query": "no colon"}, "query", "Line 1 has no colon"),
        ({"headers": "Authorization: Bearer x"}, "headers", "written by Signalbox"),
        ({"parameter_2_default": "maybe"}, "parameter_2_default", "Write true or false"),
        ({"cursor_at": ""}, "cursor_at", "Say where an answer holds the next cursor"),
        ({"cursor_parameter": ""}, "cursor_parameter", "Name the parameter"),
        ({"pages_max": "many"}, "pages_max", "Write a whole number"),
        ({"pages_max": "1000"}, "pages_max", "Choose a number from 1 to 100"),
        ({"strategy": "page", "records_at": ""}, "records_at", "Say where an answer holds its records"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    people: People, page: Page, desk: Desk, wrong: dict[str, str], field: str, words: str
) -> None:
    answer = people.bob.post(LIST + "new", {**FORM, "integration_id": desk.integration_id, **wrong})
    document = page.read(answer)
    assert document.status == 422
    assert words in document.error_of(field)


def test_editing_shows_what_is_stored_and_a_change_of_somebody_else(
    app: Flask, people: People, page: Page, desk: Desk
) -> None:
    created = people.bob.post(LIST + "new", {**FORM, "integration_id": desk.integration_id})
    edit = f"{created.location}/edit"
    document = page.get(edit, people.bob)
    assert document.one("input", name="cursor_at").get("value") == "/next"
    assert document.one("input", name="parameter_2_default").get("value") == "false"
    assert document.one("input", id="strategy-cursor").get("checked") is not None
    version = document.one("input", name="form_version").get("value", "")
    changed = {**FORM, "integration_id": desk.integration_id, "name": "Renamed", "form_version": version}
    assert people.bob.post(edit, changed).status_code == 303
    stale = page.read(people.bob.post(edit, {**changed, "name": "Mine"}))
    assert stale.status == 412
    assert stale.has_text("Renamed")
    with app.app_context():
        (endpoint,) = db.session.query(Endpoint).all()
        assert endpoint.name == "Renamed"


def test_it_is_tried_without_script(people: People, page: Page, desk: Desk, service: Receiver) -> None:
    service.behaviour = always(
        200, body=json.dumps({"items": [{"id": 1}], "echo": SECRET}).encode(), headers=(("X-Trace", "t1"),)
    )
    parameters = (
        Parameter(name="id", note="The contact."),
        Parameter(name="count", type="number", is_required=False),
        Parameter(name="ok", type="boolean", is_required=False),
        Parameter(name="filter", type="json", is_required=False),
    )
    query = [("count", "{{count}}"), ("ok", "{{ok}}"), ("filter", "{{filter}}")]
    endpoint_id = desk.define("/contacts/{id}", *parameters, query=query)
    address = f"{LIST}{endpoint_id}"
    assert page.get(address, people.mel).has_text("The contact.")
    values = {"p_id": "4711", "p_count": "2.5", "p_ok": "true", "p_filter": '{"a": [1]}'}
    document = page.read(people.mel.post(address + "/run", values))
    assert document.status == 200
    assert document.has_text("It worked")
    assert service.received[0].path == "/contacts/4711?count=2.5&ok=true&filter=%7B%22a%22%3A%5B1%5D%7D"
    assert document.one("input", name="p_id").get("value") == "4711"
    for part in ("run-body", "run-raw", "run-curl"):
        assert document.by_id(part) is not None
    assert document.has_text("X-Trace")
    assert document.all("div", class_="sb-timing")
    assert SECRET not in document.html
    assert "$TOKEN" in document.text(document.by_id("run-curl"))


def test_htmx_gets_the_trial_alone(people: People, page: Page, desk: Desk) -> None:
    address = f"{LIST}{desk.define()}/run"
    answer = people.mel.visitor.post(address, {}, fragment="try")
    assert answer.status_code == 200
    assert answer.get_data(as_text=True).lstrip().startswith('<section class="card sb-card" id="try"')


def test_what_is_wrong_with_a_value_stands_beside_it(
    people: People, page: Page, desk: Desk, service: Receiver
) -> None:
    endpoint_id = desk.define(
        "/contacts/{id}/{count}", Parameter(name="id"), Parameter(name="count", type="number")
    )
    address = f"{LIST}{endpoint_id}/run"
    document = page.read(people.mel.post(address, {"p_id": "a", "p_count": "many"}))
    assert document.status == 422
    assert "Write a number" in document.error_of("p_count")
    document = page.read(people.mel.post(address, {"p_id": "a/b", "p_count": "2"}))
    assert "without slashes" in document.error_of("p_id")
    document = page.read(people.mel.post(address, {}))
    assert document.error_of("p_id")
    assert document.error_of("p_count")
    assert service.received == []


def test_a_run_with_more_pages_goes_on_from_the_page(
    people: People, page: Page, desk: Desk, service: Receiver
) -> None:
    def behaviour(received: Any) -> Reply:
        number = int(received.path.rpartition("=")[2])
        return Reply(200, json.dumps([number] if number < 3 else []).encode())

    service.behaviour = behaviour
    pagination = {"strategy": "page", "records_at": "", "parameter": "page", "pages_max": 1}
    address = f"{LIST}{desk.define(pagination=pagination)}/run"
    document = page.read(people.mel.post(address, {}))
    assert document.has_text("It worked, and there is more")
    resume = document.one("input", name="resume").get("value", "")
    document = page.read(people.mel.post(address, {"resume": resume}))
    assert document.text(document.by_id("run-records")) == "[ 2 ]"


def test_a_viewer_runs_nothing_and_a_member_defines_nothing(
    people: People, desk: Desk, service: Receiver
) -> None:
    endpoint_id = desk.define()
    assert people.vic.post(f"{LIST}{endpoint_id}/run", {}).status_code == 403
    assert people.mel.post(f"{LIST}new", FORM).status_code == 403
    assert people.mel.post(f"{LIST}{endpoint_id}/delete", {}).status_code == 403
    assert service.received == []


def test_deleting_asks_first_and_the_integration_says_what_depends_on_it(
    app: Flask, people: People, page: Page, desk: Desk
) -> None:
    address = f"{LIST}{desk.define()}"
    deletion = f"/t/acme/integrations/{desk.integration_id}/delete"
    assert page.get(deletion, people.bob).has_text("One endpoint is deleted with it.")
    desk.define("/more")
    assert page.get(deletion, people.bob).has_text("2 endpoints are deleted with it.")
    assert page.get(address + "/delete", people.bob).has_text("Delete endpoint Tickets?")
    assert people.bob.post(address + "/delete", {}).status_code == 303
    with app.app_context():
        assert db.session.query(Endpoint).count() == 1


def test_the_page_of_an_integration_leads_to_its_endpoints(people: People, page: Page, desk: Desk) -> None:
    document = page.get(f"/t/acme/integrations/{desk.integration_id}", people.bob)
    for address in (
        f"{LIST}?integration={desk.integration_id}",
        f"{LIST}new?integration={desk.integration_id}",
    ):
        assert address in document.links()
    desk.define()
    assert page.get(f"{LIST}?integration={desk.integration_id}", people.bob).has_text("Tickets")
