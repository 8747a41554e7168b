"""Signing up: openly, as the first owner, and what is refused."""

import threading

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.accounts import tokens
from app.accounts.models import Team, User
from app.accounts.services import users as services
from app.accounts.services.users import NewPerson
from app.config import Settings, SignUp
from app.extensions import db
from app.lib.errors import NotFound
from tests.page import Page
from tests.people import People, Visitor

FORM = {
    "name": "Ada",
    "email": "Ada@Example.com",
    "password": "a lighthouse keeper",
    "team_name": "Äther & Söhne",
}


@pytest.fixture
def open_sign_up(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "SETTINGS", settings.model_copy(update={"sign_up": SignUp.OPEN}))


@pytest.fixture
def setup_path(app: Flask) -> str:
    answer = app.test_cli_runner().invoke(args=["accounts", "first-owner-link"])
    return answer.output.strip().removeprefix(app.config["SETTINGS"].public_url)


def test_sign_up_creates_team_and_leads_to_its_home(app: Flask, visitor: Visitor, open_sign_up: None) -> None:
    answer = visitor.post("/sign-up", FORM)

    assert (answer.status_code, answer.location) == (303, "/t/ather-sohne/")
    assert visitor.get("/t/ather-sohne/members").status_code == 200
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        assert user.email == "ada@example.com"
        assert FORM["password"] not in user.password_hash


def test_same_name_gets_another_address(people: People, visitor: Visitor, open_sign_up: None) -> None:
    assert visitor.post("/sign-up", {**FORM, "team_name": "ACME"}).location == "/t/acme-2/"


@pytest.mark.parametrize(
    ("name", "slug"), [("Admin", "admin-team"), ("株式会社", "our-team"), ("a" * 80, "a" * 32)]
)
def test_address_of_unusual_team_names(visitor: Visitor, open_sign_up: None, name: str, slug: str) -> None:
    assert visitor.post("/sign-up", {**FORM, "team_name": name}).location == f"/t/{slug}/"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("password", "short", "Use at least 10 characters."),
        ("password", "x" * 201, "Use at most 200 characters."),
        ("password", "Qwertyuiop", "among the first that attackers try"),
        ("password", "aaaaaaaaaaaaaa", "among the first that attackers try"),
        ("password", "ADA@example.com", "not your email address"),
        ("password", "", "Choose a password."),
        ("email", "ada@", "This is not an email address"),
        ("email", "ada\x00@example.com", "This is not an email address"),
        ("name", "   ", "Enter your name."),
        ("name", "\x00\x07", "Enter your name"),
        ("team_name", "x" * 81, "Use at most 80 characters."),
    ],
)
def test_refused_values_are_named_beside_their_field(
    page: Page, visitor: Visitor, open_sign_up: None, field: str, value: str, message: str
) -> None:
    answer = page.read(visitor.post("/sign-up", {**FORM, field: value}))

    assert answer.status == 422
    assert message in answer.error_of(field)
    assert answer.by_id("team_name").get("value") is not None, "what was typed is still there"
    assert answer.by_id("password").get("value", "") == "", "but not the password"


def test_taken_address_is_refused(people: People, page: Page, visitor: Visitor, open_sign_up: None) -> None:
    answer = page.read(visitor.post("/sign-up", {**FORM, "email": "ALICE@example.com"}))

    assert answer.status == 422
    assert "There is an account with this address" in answer.error_of("email")


def test_sign_up_is_closed_without_invitation(people: People, page: Page, visitor: Visitor) -> None:
    assert page.get("/sign-up").has_text("Ask an admin of your team for an invitation")
    assert visitor.post("/sign-up", FORM).status_code == 403


def test_first_owner_signs_up_with_the_link(page: Page, visitor: Visitor, setup_path: str) -> None:
    assert setup_path.startswith("/setup/")
    assert page.get(setup_path).has_text("You are the first one here.")

    answer = visitor.post(setup_path, FORM)

    assert answer.location == "/t/ather-sohne/"


def test_setup_link_ends_with_the_first_account(
    app: Flask, page: Page, setup_path: str, visitor: Visitor
) -> None:
    visitor.post(setup_path, FORM)

    assert page.get(setup_path).has_text("Signalbox is set up already")
    assert visitor.post(setup_path, {**FORM, "email": "eve@example.com"}).status_code == 404
    again = app.test_cli_runner().invoke(args=["accounts", "first-owner-link"])
    assert (again.exit_code, again.output) == (0, "")


def test_forged_setup_link_is_refused(page: Page, visitor: Visitor) -> None:
    page.get("/setup/ImZpcnN0IG93bmVyIg.AAAAAAAAAAAAAAAAAAAAAAAAAAA", status=404)
    assert visitor.post("/setup/forged", FORM).status_code == 404


@pytest.mark.postgresql
def test_two_first_owners_at_once_become_one(app: Flask) -> None:
    with app.app_context():
        token = tokens.first_owner_token()
    outcomes: list[str | None] = []

    def sign_up(number: int) -> None:
        with app.app_context():
            person = NewPerson(f"P{number}", f"p{number}@example.com", "a lighthouse keeper")
            try:
                outcomes.append(
                    services.sign_up_first_owner(person, team_name=f"T{number}", token=token).team_slug
                )
            except NotFound:
                outcomes.append(None)

    threads = [threading.Thread(target=sign_up, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcome is None for outcome in outcomes) == [False, True, True, True]
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(User)) == 1
        assert db.session.scalar(select(func.count()).select_from(Team)) == 1


def test_operator_creates_an_owner(app: Flask, visitor: Visitor) -> None:
    answer = app.test_cli_runner().invoke(
        args=[
            "accounts",
            "create-owner",
            "ada@example.com",
            "--name",
            "Ada",
            "--team",
            "Acme",
            "--password-stdin",
        ],
        input="a lighthouse keeper\n",
    )

    assert answer.exit_code == 0, answer.output
    assert "Sign in at http" in answer.output
    assert "lighthouse" not in answer.output
    assert visitor.sign_in("ada@example.com", "a lighthouse keeper").status_code == 303


def test_operator_sees_what_is_wrong(app: Flask) -> None:
    answer = app.test_cli_runner().invoke(
        args=[
            "accounts",
            "create-owner",
            "ada@example.com",
            "--name",
            "Ada",
            "--team",
            "Acme",
            "--password-stdin",
        ],
        input="short\n",
    )

    assert answer.exit_code == 1
    assert "Use at least 10 characters" in answer.output
