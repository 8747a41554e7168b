"""Pages of GraphQL."""

import re

import pytest
from flask import Flask

from tests.calls.graphql.conftest import TOKEN, Desk
from tests.calls.graphql.server import SDL
from tests.page import Page
from tests.people import People

LIST = "/t/acme/calls/graphql/"
ORDERS = "query Orders($first: Int!, $status: Status, $filter: Filter) {\n  orders(first: $first, status: $status, filter: $filter) { id }\n}"
NARROWER = SDL.replace("  note: String\n", "")


def schema_of(desk: Desk) -> str:
    return f"{LIST}schemas/{desk.id}"


def test_an_empty_list_leads_to_the_first_operation(people: People, page: Page) -> None:
    document = page.get(LIST, people.bob)
    assert document.has_text("Save your first operation")
    assert f"{LIST}operations/new" in document.links()
    assert f"{LIST}operations/new" not in page.get(LIST, people.mel).links()
    assert page.get(f"{LIST}schemas/", people.bob).has_text("No integration has a GraphQL API yet")


def test_from_no_schema_to_a_run(desk: Desk, people: People, page: Page) -> None:
    choice = page.get(f"{LIST}operations/new", people.bob)
    new = f"{LIST}operations/new/{desk.id}"
    assert new in choice.links()
    # Without a schema it leads to where there is one.
    answer = people.bob.get(new)
    assert answer.location == schema_of(desk)
    assert page.get(schema_of(desk), people.bob).has_text("No schema yet")
    answer = people.bob.post(f"{schema_of(desk)}/introspection", {"headers": ""})
    assert (answer.status_code, answer.location) == (303, schema_of(desk))
    assert page.get(schema_of(desk), people.bob).has_text("Version 1")
    page.get(new, people.bob).form(new)
    answer = people.bob.post(new, {"document": ORDERS.replace("\n", "\r\n"), "description": "The latest."})
    assert answer.status_code == 303
    shown = page.get(answer.location, people.bob)
    for words in ("The latest.", "query Orders", "Filter", "minTotal: Float"):
        assert shown.has_text(words), words
    ran = page.read(
        people.bob.post(f"{answer.location}/run", {"var_first": "1", "var_filter": '{"minTotal": 3}'})
    )
    assert ran.has_text("Succeeded")
    assert ran.has_text("998 of 1,000 calls per hour left")
    assert any("/requests/req_" in link for link in ran.links())
    assert TOKEN not in ran.html
    assert desk.server.asked[-1].variables == {"first": 1, "filter": {"minTotal": 3}}
    listed = page.get(LIST, people.vic)
    assert listed.has_text("Orders")
    assert listed.has_text("Fits")
    csv = people.vic.get(f"{LIST}download").get_data(as_text=True)
    assert "Orders,query,The latest." in csv


def test_a_run_shows_what_is_wrong_beside_its_field(desk: Desk, people: People, page: Page) -> None:
    desk.renew()
    operation = f"{LIST}operations/{desk.save(ORDERS)}"
    for sent, field, words in (
        ({"var_first": "many"}, "var_first", "not valid JSON"),
        ({"var_first": "1", "var_filter": '{"colour": 1}'}, "var_filter", "colour"),
        ({"var_status": "OPEN"}, "var_first", "non-null type"),
        ({"variables": '{"first": "x"}'}, "variables", "Int cannot represent"),
    ):
        answer = people.bob.post(f"{operation}/run", sent)
        document = page.read(answer)
        assert answer.status_code == 422
        assert words in document.error_of(field), document.error_of(field)
    assert desk.server.asked == []


def test_variables_can_be_sent_as_json(desk: Desk, people: People, page: Page) -> None:
    desk.renew()
    operation = f"{LIST}operations/{desk.save(ORDERS)}"
    answer = people.mel.post(f"{operation}/run", {"variables": '{"first": 3}', "var_first": "1"})
    assert page.read(answer).has_text("Succeeded")
    assert desk.server.asked[-1].variables == {"first": 3}


def test_an_answer_that_lists_errors_is_no_success(desk: Desk, people: People, page: Page) -> None:
    desk.renew()
    operation = f"{LIST}operations/{desk.save('query Failing { order(id: 1) { id fails } }')}"
    document = page.read(people.bob.post(f"{operation}/run"))
    assert document.has_text("Partly succeeded")
    assert document.has_text("order.fails: no note")


def test_who_may_not_run_is_shown_no_form(desk: Desk, people: People, page: Page) -> None:
    desk.renew()
    operation = f"{LIST}operations/{desk.save(ORDERS)}"
    assert page.get(operation, people.vic).has_text("does not allow running it")
    assert people.vic.post(f"{operation}/run", {"var_first": "1"}).status_code == 403
    assert people.mel.get(f"{operation}/edit").status_code == 403


def test_a_breaking_schema_is_saved_only_with_consent(desk: Desk, people: People, page: Page) -> None:
    desk.renew()
    operation = f"{LIST}operations/{desk.save('query Notes { orders { note } }')}"
    desk.save("query Ids { orders { id } }")
    answer = people.bob.post(f"{schema_of(desk)}/sdl", {"sdl": NARROWER})
    proposal = f"{schema_of(desk)}/proposal"
    assert answer.location == proposal
    shown = page.get(proposal, people.bob)
    assert shown.has_text("It breaks 1 of your 2 saved operations.")
    assert shown.has_text("Field Order.note was removed.")
    seen = re.search(r'name="seen" value="([^"]+)"', shown.html)
    assert seen
    refused = people.bob.post(proposal, {"seen": seen[1]})
    assert refused.status_code == 409
    assert page.read(refused).has_text("Tick that you save it although it breaks these operations")
    assert page.get(schema_of(desk), people.bob).has_text("A newer schema was read and is not saved yet")
    answer = people.bob.post(proposal, {"seen": seen[1], "accepts": "y"})
    assert (answer.status_code, answer.location) == (303, schema_of(desk))
    assert page.get(f"{schema_of(desk)}/versions/2", people.vic).has_text("1 of your 2 saved operations")
    broken = page.get(operation, people.bob)
    assert broken.has_text("It does not fit the current schema")
    assert broken.has_text("Cannot query field 'note'")
    assert page.get(LIST, people.bob).has_text("Does not fit")


def test_a_schema_that_was_read_can_be_dropped(desk: Desk, people: People, page: Page) -> None:
    desk.renew()
    people.bob.post(f"{schema_of(desk)}/sdl", {"sdl": NARROWER})
    answer = people.bob.post(f"{schema_of(desk)}/discard")
    assert answer.status_code == 303
    page.get(f"{schema_of(desk)}/proposal", people.bob, status=404)
    assert not page.get(schema_of(desk), people.bob).has_text("Version 2")


def test_a_schema_that_is_wrong_is_explained(desk: Desk, people: People, page: Page) -> None:
    answer = people.bob.post(f"{schema_of(desk)}/sdl", {"sdl": "type Query {"})
    assert answer.status_code == 422
    assert "Expected Name" in page.read(answer).error_of("sdl")
    desk.server.admin_secret = "open-sesame"
    answer = people.bob.post(f"{schema_of(desk)}/introspection", {"headers": "X-Admin-Secret: wrong-one"})
    document = page.read(answer)
    assert answer.status_code == 409
    assert document.has_text("introspection is disabled")
    assert "wrong-one" not in document.html
    answer = people.bob.post(f"{schema_of(desk)}/introspection", {"headers": "X-Admin-Secret: open-sesame"})
    assert answer.status_code == 303


def test_a_version_is_downloaded_as_sdl(desk: Desk, people: People) -> None:
    version = desk.renew()
    answer = people.vic.get(f"{schema_of(desk)}/versions/1/download")
    assert answer.get_data(as_text=True) == version.sdl
    assert answer.headers["Content-Disposition"] == 'attachment; filename="schema-1.graphql"'


def test_an_operation_is_edited_and_deleted(desk: Desk, people: People, page: Page) -> None:
    desk.renew()
    operation = f"{LIST}operations/{desk.save('query Ids { orders { id } }')}"
    page.get(f"{operation}/edit", people.bob)
    wrong = people.bob.post(f"{operation}/edit", {"document": "query Ids { nothing }", "description": ""})
    assert wrong.status_code == 422
    assert "Cannot query field 'nothing'" in page.read(wrong).error_of("document")
    people.bob.post(f"{operation}/edit", {"document": "query All { orders { id } }", "description": "x"})
    assert page.get(operation, people.bob).has_text("query All")
    page.get(f"{operation}/delete", people.bob)
    assert people.bob.post(f"{operation}/delete").status_code == 303
    page.get(operation, people.bob, status=404)


def test_deleting_the_integration_says_what_goes_with_it(desk: Desk, people: People, page: Page) -> None:
    desk.renew()
    desk.save("query Ids { orders { id } }")
    document = page.get(f"/t/acme/integrations/{desk.id}/delete", people.bob)
    assert document.has_text("1 GraphQL operation is deleted with it.")


@pytest.mark.parametrize("path", ["", "/proposal", "/versions/1"])
def test_the_schemas_of_another_team_are_not_found(
    app: Flask, desk: Desk, people: People, page: Page, path: str
) -> None:
    desk.renew()
    page.get(f"/t/charlies/calls/graphql/schemas/{desk.id}{path}", people.charlie, status=404)
