"""Pages of integrations."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.accounts.services.operators import set_operator
from app.extensions import db
from app.integrations.dependents import subscribe
from app.integrations.models import Connection, Integration
from app.integrations.queries.integrations import INTEGRATIONS, get_row
from app.integrations.services.apps import set_app
from app.integrations.services.integrations import create_integration, set_enabled
from app.integrations.services.settings import IntegrationSettings, stored_secrets
from app.integrations.status import Status
from app.lib import clock
from tests.page import Page
from tests.people import People
from tests.web.forms.sending import hidden_fields, send
from tests.web.forms.test_drafts import cookie_gone, signed_in_again

LIST = "/t/acme/integrations/"
NEW = LIST + "new/github"
SECRET = "github_pat_of-the-test"
FORM = {
    "provider": "github",
    "name": "Code host",
    "description": "Issues of support.",
    "auth_method": "token",
    "with_token_token": SECRET,
    "hourly_limit": "100",
    "daily_limit": "",
    "metadata": "owner: support\r\ncost centre: 17\r\n",
    "logo": "",
    "more_scopes": "",
}
Add = Callable[..., str]


@pytest.fixture
def add(app: Flask, people: People) -> Add:
    def add_one(name: str = "Code host", auth_method: str = "token", **more: Any) -> str:
        answers = {"token": SECRET} if auth_method == "token" else {}
        settings = IntegrationSettings(name=name, auth_method=auth_method, answers=answers, **more)
        with app.app_context():
            return create_integration(people.acme.id, "github", settings)

    return add_one


def test_an_empty_list_leads_to_the_catalogue(people: People, page: Page) -> None:
    document = page.get(LIST, people.bob)
    assert document.has_text("Connect your first service")
    catalogue = LIST + "catalogue/"
    assert document.links().count(catalogue) > page.get(LIST, people.mel).links().count(catalogue)


def test_an_integration_is_created_from_its_form(app: Flask, people: People, page: Page) -> None:
    form = page.get(NEW, people.bob)
    assert form.has_text("Personal access token")
    assert form.has_text("Where do I find this?")
    answer = people.bob.post(NEW, FORM)
    assert answer.status_code == 303
    shown = page.get(answer.location, people.bob)
    for words in (
        "Code host",
        "Issues of support.",
        "It is set up, and was not tested yet.",
        "cost centre",
        "at most 100",
    ):
        assert shown.has_text(words), words
    assert SECRET not in shown.html
    with app.app_context():
        (integration,) = db.session.query(Integration).all()
        assert stored_secrets(integration) == {"token": SECRET}
        assert integration.details == {"owner": "support", "cost centre": "17"}
        assert (integration.hourly_limit, integration.daily_limit) == (100, None)
        assert integration.created_by_id == people.bob.id


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"name": ""}, "name", "Give it a name"),
        ({"with_token_token": ""}, "with_token_token", "Fill in: Personal access token."),
        ({"hourly_limit": "many"}, "hourly_limit", "Write a whole number"),
        ({"daily_limit": "0"}, "daily_limit", "Choose a number from 1"),
        ({"metadata": "no colon here"}, "metadata", "Line 1 has no colon"),
        ({"auth_method": "oauth", "more_scopes": 'a"b'}, "", "is no scope"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    people: People, page: Page, wrong: dict[str, str], field: str, words: str
) -> None:
    answer = page.read(people.bob.post(NEW, {**FORM, **wrong}))
    assert answer.status == 422
    assert words in (answer.text(answer.by_id(f"{field}-error")) if field else answer.text(answer.root))
    assert SECRET not in answer.html


def test_only_the_chosen_way_to_authenticate_is_read(app: Flask, people: People) -> None:
    form = {**FORM, "auth_method": "oauth", "scopes": ["repo"], "more_scopes": "gist  workflow"}
    assert people.bob.post(NEW, form).status_code == 303
    with app.app_context():
        (integration,) = db.session.query(Integration).all()
        assert integration.scopes == ["repo", "gist", "workflow"]
        assert stored_secrets(integration) == {}


def test_editing_keeps_a_secret_that_is_left_empty(app: Flask, people: People, page: Page, add: Add) -> None:
    edit = f"{LIST}{add()}/edit"
    document = page.get(edit, people.bob)
    assert SECRET not in document.html
    assert document.has_text("Leave it empty to keep it.")
    version = document.one("input", name="form_version").get("value", "")
    answer = people.bob.post(
        edit, {**FORM, "with_token_token": "", "name": "Renamed", "form_version": version}
    )
    assert answer.status_code == 303
    with app.app_context():
        (integration,) = db.session.query(Integration).all()
        assert (integration.name, stored_secrets(integration)) == ("Renamed", {"token": SECRET})
    stale = people.bob.post(edit, {**FORM, "with_token_token": "", "name": "Mine", "form_version": version})
    conflict = page.read(stale)
    assert conflict.status == 412
    assert conflict.has_text("Renamed")
    assert conflict.has_text("Save mine over it")


def test_input_is_back_after_the_session_ended_without_its_secret(people: People, page: Page) -> None:
    hidden = hidden_fields(page, NEW, NEW, people.bob)
    cookie_gone(people.bob)
    sent = send(people.bob, NEW, FORM, hidden)
    assert sent.status_code == 303
    back = signed_in_again(page, people.bob, sent.location)
    assert back.has_text("Your input is back.")
    assert back.has_text("fill in again: Personal access token.")
    assert back.one("input", name="name").get("value") == "Code host"
    assert SECRET not in back.html


def test_a_form_sent_twice_runs_once(people: People, page: Page, app: Flask) -> None:
    token = page.get(NEW, people.bob).one("form", id="integration-form").find(".//*[@name='form_token']")
    assert token is not None
    form = {**FORM, "form_token": token.get("value", "")}
    first, second = (people.bob.post(NEW, form) for _ in range(2))
    assert first.location == second.location
    with app.app_context():
        assert db.session.query(Integration).count() == 1


def test_the_list_is_cards_or_a_table_and_the_address_says_which(
    people: People, page: Page, add: Add
) -> None:
    add()
    cards = page.get(LIST, people.vic)
    assert cards.all("ol", class_="sb-tiles")
    assert f"{LIST}?view=table" in cards.links()
    table = page.get(LIST + "?view=table&status=ACTIVE", people.vic)
    assert table.all("td", data_label="Status")
    # Filters and the look stay with each other.
    assert f"{LIST}?status=ACTIVE" in table.links()
    assert table.one("input", name="view", form="list-filter").get("value") == "table"


def _every_status(app: Flask, add: Add) -> dict[str, str]:
    ids = {
        "ACTIVE": add("Active"),
        "INACTIVE": add("Inactive"),
        "ERROR": add("Failing"),
        "PENDING_SETUP": add("Pending", "oauth"),
        "reconnect": add("Ended", "oauth"),
        "connected": add("Connected", "oauth"),
        "unreadable": add("Unreadable"),
    }
    with app.app_context():
        team_id = db.session.scalar(db.select(Integration.team_id).limit(1)) or ""
        set_enabled(team_id, ids["INACTIVE"], is_enabled=False)
        failing = update(Integration).where(Integration.id == ids["ERROR"])
        db.session.execute(failing.values(failing_since=clock.now(), error_detail="It answered 500."))
        broken = update(Integration).where(Integration.id == ids["unreadable"])
        db.session.execute(broken.values(credentials_sealed="v1.00000000.AAAA"))
        for name, state in (("reconnect", "needs_reconnect"), ("connected", "connected")):
            db.session.add(
                Connection(
                    integration_id=ids[name], team_id=team_id, state=state, tokens_sealed="x", details={}
                )
            )
        db.session.commit()
    return ids


def test_the_filter_by_status_finds_what_the_one_function_says(app: Flask, people: People, add: Add) -> None:
    ids = _every_status(app, add)
    wanted = {
        Status.ACTIVE: {"ACTIVE", "connected"},
        Status.INACTIVE: {"INACTIVE"},
        Status.ERROR: {"ERROR", "reconnect", "unreadable"},
        Status.PENDING_SETUP: {"PENDING_SETUP"},
    }
    with app.app_context():
        for status, names in wanted.items():
            rows = INTEGRATIONS.find(people.acme.id, INTEGRATIONS.select(status=str(status))).rows
            assert {row.id for row in rows} == {ids[name] for name in names}
            assert {row.report.status for row in rows} == {status}


def test_each_status_says_why_and_what_to_do(app: Flask, people: People, page: Page, add: Add) -> None:
    ids = _every_status(app, add)
    shown = {name: page.get(LIST + one, people.bob) for name, one in ids.items()}
    assert shown["INACTIVE"].has_text("It was switched off")
    assert shown["ERROR"].has_text("It answered 500.")
    assert shown["PENDING_SETUP"].has_text("There is no app to connect through")
    assert f"{LIST}apps/github" in shown["PENDING_SETUP"].links()
    assert shown["unreadable"].has_text("Its credentials cannot be read")
    assert f"{LIST}{ids['unreadable']}/edit" in shown["unreadable"].links()
    assert shown["reconnect"].has_text("Reconnect it: its settings, and everything that uses it, stay.")
    with app.app_context():
        set_app(None, "github", "Iv1.all", "x")
        assert get_row(people.acme.id, ids["PENDING_SETUP"]).report.step == "connect"


@pytest.mark.parametrize(
    ("query", "names"),
    [("q=code", {"Code host"}), ("type=rest", {"Code host", "100% done"}), ("type=crm", set()),
     ("provider=github", {"Code host", "100% done"}), ("q=100%25", {"100% done"}), ("provider=zoho", set())],
)  # fmt: skip
def test_filters(people: People, page: Page, add: Add, query: str, names: set[str]) -> None:
    add("Code host")
    add("100% done")
    document = page.get(f"{LIST}?{query}", people.vic)
    assert {link.text for link in document.all("a", class_="sb-tile-link")} == names


def test_the_download_holds_no_secret(people: People, add: Add) -> None:
    add(details={"note": "x"})
    answer = people.vic.get(LIST + "download?status=ACTIVE")
    (row,) = csv.DictReader(io.StringIO(answer.get_data(as_text=True)))
    assert (row["name"], row["provider"], row["status"]) == ("Code host", "github", "ACTIVE")
    assert SECRET not in answer.get_data(as_text=True)


def test_viewers_look_and_members_test(people: People, page: Page, add: Add) -> None:
    show = LIST + add()
    links = page.get(show, people.vic).links()
    assert not {show + "/edit", show + "/delete"} & set(links)
    for action in ("edit", "enable", "disable", "delete", "test"):
        assert people.vic.post(f"{show}/{action}").status_code == 403
    for action in ("edit", "enable", "disable", "delete"):
        assert people.mel.post(f"{show}/{action}").status_code == 403
    assert people.charlie.get(show).status_code == 404
    assert people.charlie.get(show.replace("acme", "other")).status_code == 404


def test_switching_off_and_on(app: Flask, people: People, page: Page, add: Add) -> None:
    show = LIST + add()
    assert people.bob.post(show + "/disable").status_code == 303
    assert page.get(show, people.bob).has_text("Inactive: It was switched off")
    people.bob.post(show + "/enable")
    assert not page.get(show, people.bob).has_text("It was switched off")


def test_deleting_names_it_and_what_depends_on_it(app: Flask, people: People, page: Page, add: Add) -> None:
    integration_id = add()
    with app.app_context():
        db.session.add(
            Integration(
                team_id=people.other.id, provider="github", name="Copy", auth_method="token", config={},
                scopes=[], details={}, source_id=integration_id,
            )
        )  # fmt: skip
        db.session.commit()
    subscribe(app, lambda team_id, one: ["3 endpoints are deleted with it."] if one == integration_id else [])
    asked = page.get(f"{LIST}{integration_id}/delete", people.bob)
    for words in (
        "Delete integration Code host?",
        "3 endpoints are deleted with it.",
        "made from it by another team",
    ):
        assert asked.has_text(words), words
    assert people.bob.post(f"{LIST}{integration_id}/delete").status_code == 303
    with app.app_context():
        (copy,) = db.session.query(Integration).all()
        assert (copy.name, copy.source_id) == ("Copy", None)


def test_rows_refresh_in_place_and_keep_still_while_nothing_changes(
    app: Flask, people: People, page: Page, add: Add
) -> None:
    add()
    rows = page.get(LIST, people.vic).by_id("newest")
    address = rows.get("hx-get", "")
    assert people.vic.get(address, fragment="newest").status_code == 204
    with app.app_context():
        db.session.execute(update(Integration).values(failing_since=clock.now(), error_detail="Down."))
        db.session.commit()
    changed = people.vic.get(address, fragment="newest")
    assert changed.status_code == 200
    assert "Down." in changed.get_data(as_text=True)


# -- Apps ------------------------------------------------------------------------------------------------------

APPS = LIST + "apps/"


def test_a_team_adds_changes_and_removes_its_app(people: People, page: Page) -> None:
    assert page.get(APPS, people.vic).has_text("GitHub")
    form = page.get(APPS + "github", people.bob)
    assert form.by_id("redirect-address").get("value", "").endswith("/integrations/callback/github")
    people.bob.post(APPS + "github", {"client_id": "Iv1.acme", "client_secret": "hush-hush"})
    shown = page.get(APPS, people.vic)
    assert shown.has_text("Iv1.acme")
    again = page.get(APPS + "github", people.bob)
    assert "hush-hush" not in shown.html + again.html
    assert again.has_text("Leave it empty to keep it.")
    wrong = page.read(people.bob.post(APPS + "github", {"client_id": "", "client_secret": ""}))
    assert wrong.status == 422
    assert page.get(APPS + "github/remove", people.bob).has_text("Iv1.acme")
    people.bob.post(APPS + "github/remove")
    assert not page.get(APPS, people.vic).has_text("Iv1.acme")
    assert people.mel.get(APPS + "github").status_code == 403


def test_the_installations_apps_are_for_operators(app: Flask, people: People, page: Page) -> None:
    address = LIST + "installation-apps/"
    assert people.bob.get(address).status_code == 403
    assert (
        people.alice.post(address + "github", {"client_id": "Iv1.all", "client_secret": "x"}).status_code
        == 403
    )
    with app.app_context():
        set_operator(people.alice.email, is_operator=True)
    assert page.get(address, people.alice).has_text("GitHub")
    people.alice.post(address + "github", {"client_id": "Iv1.all", "client_secret": "hush-hush"})
    assert page.get(address, people.alice).has_text("Iv1.all")
    # Teams learn that there is one, and not which.
    teams = page.get(APPS, people.vic)
    assert teams.has_text("Available")
    assert "Iv1.all" not in teams.html
