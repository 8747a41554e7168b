"""Two users edit the same object: the second sees what the first changed, and decides."""

import threading
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from tests.page import Document, Page
from tests.people import People
from tests.web.forms.sending import KEY, WEBHOOK, hidden_fields, send


@dataclass(frozen=True)
class Editing:
    """An object that two edit: where its form is, what each of them changes, and where the result shows."""

    edit: str
    action: str
    theirs: dict[str, Any]
    yours: dict[str, Any]
    label: str
    shown: tuple[str, str]


@pytest.fixture(params=["webhook", "API key", "event type", "team", "role"])
def editing(request: pytest.FixtureRequest, people: People) -> Editing:
    alice = people.alice
    match request.param:
        case "webhook":
            url = alice.post("/t/acme/webhooks/new", WEBHOOK).location
            theirs, yours = (
                {**WEBHOOK, "url": f"https://{name}.example.com/"} for name in ("theirs", "yours")
            )
            shown = ("https://theirs.example.com/", "https://yours.example.com/")
            return Editing(f"{url}/edit", f"{url}/edit", theirs, yours, "URL", shown)
        case "API key":
            url = alice.post("/t/acme/api-keys/new", KEY).location
            kept = {name: value for name, value in KEY.items() if name != "kind"} | {"expiry": "keep"}
            theirs, yours = ({**kept, "per_hour": value} for value in ("17", "23"))
            return Editing(f"{url}/edit", f"{url}/edit", theirs, yours, "Requests per hour", ("17", "23"))
        case "event type":
            typed: dict[str, Any] = {"name": "order.sent", "description": "Sent", "example": "{}"}
            url = alice.post("/t/acme/event-types/new", typed).location
            theirs, yours = ({**typed, "description": value} for value in ("By them", "By you"))
            return Editing(f"{url}/edit", f"{url}/edit", theirs, yours, "Description", ("By them", "By you"))
        case "team":
            url = "/t/acme/settings"
            return Editing(url, url, {"name": "Theirs"}, {"name": "Yours"}, "Team name", ("Theirs", "Yours"))
        case _:
            url = f"/t/acme/members/{people.vic.id}/role"
            theirs, yours = ({"role": "member"}, {"role": "admin"})
            return Editing("/t/acme/members", url, theirs, yours, "Role", ("Member", "Admin"))


def differences(document: Document) -> list[list[str]]:
    return [[document.text(cell) for cell in row] for row in document.root.iter("tr")][1:]


def conflict_of(people: People, page: Page, editing: Editing) -> Document:
    """Let both open the form, the others save first; return what the second gets."""
    other = people.alice.new_visitor()
    hidden = hidden_fields(page, editing.edit, editing.action, people.alice)
    theirs = hidden_fields(page, editing.edit, editing.action, other)
    assert send(other, editing.action, editing.theirs, theirs).status_code == 303
    answer = send(people.alice, editing.action, editing.yours, hidden)
    assert answer.status_code == 412
    return page.read(answer)


@pytest.mark.postgresql
def test_second_is_told_who_changed_what(people: People, page: Page, editing: Editing) -> None:
    conflict = conflict_of(people, page, editing)

    assert conflict.has_text("Changed meanwhile by Alice at")
    assert differences(conflict) == [[editing.label, *editing.shown]]


def test_second_saves_over_it(people: People, page: Page, editing: Editing) -> None:
    conflict = conflict_of(people, page, editing)
    form = conflict.form(editing.action)
    fields = {control.get("name", ""): control.get("value", "") for control in form.iter("input")}
    hidden = {name: fields[name] for name in ("csrf_token", "form_token", "form_version")}

    assert send(people.alice, editing.action, editing.yours, hidden).status_code == 303

    assert (
        hidden_fields(page, editing.edit, editing.action, people.alice)["form_version"]
        != hidden["form_version"]
    )


def test_input_of_the_second_is_in_the_form(people: People, page: Page, editing: Editing) -> None:
    form = conflict_of(people, page, editing).form(editing.action)
    (name,) = (name for name in editing.yours if editing.yours[name] != editing.theirs[name])

    held = [control.get("value") for control in form.iter("input") if control.get("name") == name]
    held += [area.text for area in form.iter("textarea") if area.get("name") == name]
    chosen = [control for control in form.iter("input") if control.get("checked") is not None]

    assert editing.yours[name] in ([control.get("value") for control in chosen] if name == "role" else held)


def test_second_takes_theirs(people: People, page: Page, editing: Editing) -> None:
    conflict = conflict_of(people, page, editing)

    (newer,) = (link for link in conflict.root.iter("a") if conflict.text(link) == "Take theirs")

    assert newer.get("href") == editing.edit
    assert not page.get(editing.edit, people.alice).has_text("Changed meanwhile")


def test_nothing_is_said_when_the_same_was_saved_again(people: People, page: Page, editing: Editing) -> None:
    hidden = hidden_fields(page, editing.edit, editing.action, people.alice)

    first = send(people.alice, editing.action, editing.theirs, hidden)
    fresh = hidden_fields(page, editing.edit, editing.action, people.alice)
    second = send(people.alice, editing.action, editing.yours, fresh)

    assert (first.status_code, second.status_code) == (303, 303)


def test_form_without_version_writes_last(people: People, editing: Editing) -> None:
    assert people.alice.post(editing.action, editing.theirs).status_code == 303
    assert people.alice.post(editing.action, editing.yours).status_code == 303


def test_correcting_a_mistake_does_not_hide_the_conflict(people: People, page: Page) -> None:
    url = people.alice.post("/t/acme/webhooks/new", WEBHOOK).location
    hidden = hidden_fields(page, f"{url}/edit", f"{url}/edit", people.alice)
    people.bob.post(f"{url}/edit", {**WEBHOOK, "name": "By Bob"})
    refused = send(people.alice, f"{url}/edit", {**WEBHOOK, "url": "no", "max_retries": "x"}, hidden)
    assert refused.status_code == 422

    fields = {
        c.get("name", ""): c.get("value", "") for c in page.read(refused).form(f"{url}/edit").iter("input")
    }
    again = {name: fields[name] for name in ("csrf_token", "form_token", "form_version")}

    assert page.read(send(people.alice, f"{url}/edit", WEBHOOK, again)).has_text("Changed meanwhile by Bob")


def test_pausing_a_webhook_is_no_change_of_its_settings(people: People, page: Page) -> None:
    url = people.alice.post("/t/acme/webhooks/new", WEBHOOK).location
    hidden = hidden_fields(page, f"{url}/edit", f"{url}/edit", people.alice)
    people.bob.post(f"{url}/pause")

    assert send(people.alice, f"{url}/edit", WEBHOOK, hidden).status_code == 303


def test_secret_headers_are_no_visible_difference(people: People, page: Page) -> None:
    typed = {**WEBHOOK, "headers": "Authorization: first-secret"}
    url = people.alice.post("/t/acme/webhooks/new", typed).location
    hidden = hidden_fields(page, f"{url}/edit", f"{url}/edit", people.alice)
    people.bob.post(f"{url}/edit", {**WEBHOOK, "headers": "X-Token: second-secret"})

    conflict = page.read(
        send(people.alice, f"{url}/edit", {**WEBHOOK, "headers": "X-Key: third-secret"}, hidden)
    )

    assert differences(conflict) == [["Headers", "Not shown", "Not shown"]]
    assert "first-secret" not in conflict.html
    assert "second-secret" not in conflict.html


@pytest.mark.postgresql
def test_of_two_who_save_at_once_one_is_told(app: Flask, people: People, page: Page) -> None:
    url = people.alice.post("/t/acme/webhooks/new", WEBHOOK).location + "/edit"
    start, statuses = threading.Barrier(2), list[int]()

    def save(visitor: Any, name: str, hidden: dict[str, str]) -> None:
        start.wait()
        statuses.append(send(visitor, url, {**WEBHOOK, "name": name}, hidden).status_code)

    threads = []
    for person in (people.alice, people.bob):
        hidden = hidden_fields(page, url, url, person)
        threads.append(threading.Thread(target=save, args=(person.visitor, person.name, hidden)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [303, 412]
