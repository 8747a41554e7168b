"""Teams: roles, leaving, handing over. A team always keeps an owner."""

import threading

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.accounts.models import Membership
from app.accounts.services import teams
from app.extensions import db
from app.lib.errors import Conflict, SignalboxError
from app.web.permissions import Role
from tests.page import Page
from tests.people import People, Person


def set_role(actor: Person, member: Person, role: str) -> int:
    return actor.post(f"/t/acme/members/{member.id}/role", {"role": role}).status_code


def test_admin_changes_roles_below_owner(people: People, page: Page) -> None:
    assert set_role(people.bob, people.vic, "member") == 303

    assert people.vic.get("/t/acme/webhooks/new").status_code == 200
    assert set_role(people.bob, people.vic, "owner") == 403
    assert set_role(people.bob, people.alice, "member") == 403
    assert set_role(people.bob, people.vic, "emperor") == 422


def test_list_offers_only_what_is_allowed(people: People, page: Page) -> None:
    as_admin = page.get("/t/acme/members", people.bob)
    as_viewer = page.get("/t/acme/members", people.vic)

    assert not any(people.alice.id in link for link in as_admin.links())
    assert any(people.mel.id in link for link in as_admin.links())
    assert as_viewer.has_text("mel@example.com")
    assert any(select.get("aria-label") == "Role of Mel" for select in as_admin.all("select"))
    assert not any("Role of" in select.get("aria-label", "") for select in as_viewer.all("select"))
    assert not any("invitations" in link or "/remove" in link for link in as_viewer.links())


def test_removed_member_is_a_stranger_at_once(people: People, page: Page) -> None:
    assert people.mel.get("/t/acme/members").status_code == 200
    question = page.get(f"/t/acme/members/{people.mel.id}/remove", people.bob)
    assert question.has_text("Remove Mel?")
    assert question.has_text("mel@example.com")

    people.bob.post(f"/t/acme/members/{people.mel.id}/remove")

    assert people.mel.get("/t/acme/members").status_code == 404


def test_confirmation_is_a_fragment_for_the_dialog(people: People, page: Page) -> None:
    page.fragment(f"/t/acme/members/{people.mel.id}/remove", "remove-member", people.alice)
    page.fragment("/t/acme/leave", "leave-team", people.alice)
    page.fragment(f"/t/acme/settings/transfer?to={people.mel.id}", "transfer-team", people.alice)


def test_last_owner_stays(people: People) -> None:
    alice = people.alice
    assert set_role(alice, alice, "admin") == 409
    assert alice.post("/t/acme/leave").status_code == 409
    assert alice.post(f"/t/acme/members/{alice.id}/remove").status_code == 409

    assert set_role(alice, people.mel, "owner") == 303
    assert alice.post("/t/acme/leave").status_code == 303
    assert alice.get("/t/acme/members").status_code == 404


@pytest.mark.postgresql
def test_two_owners_cannot_both_leave_at_once(app: Flask, people: People) -> None:
    set_role(people.alice, people.bob, "owner")
    team_id = people.acme.id
    outcomes: list[bool] = []

    def leave(user_id: str) -> None:
        with app.app_context():
            try:
                teams.leave_team(team_id, user_id)
            except Conflict:
                outcomes.append(False)
            else:
                outcomes.append(True)

    threads = [threading.Thread(target=leave, args=(person.id,)) for person in (people.alice, people.bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [False, True]
    with app.app_context():
        owners = select(func.count()).where(Membership.team_id == team_id, Membership.role == Role.OWNER)
        assert db.session.scalar(owners) == 1


def test_member_leaves(people: People, page: Page) -> None:
    assert page.get("/t/acme/leave", people.vic).has_text("Leave Acme?")

    assert people.vic.post("/t/acme/leave").location == "/teams"

    assert page.get("/teams", people.vic).has_text("You are in no team")
    assert people.vic.get("/").location == "/teams"


def test_owner_hands_the_team_over(people: People, page: Page) -> None:
    asked = page.get(f"/t/acme/settings/transfer?to={people.mel.id}", people.alice)
    assert asked.has_text("Hand Acme over to Mel?")

    assert people.alice.post("/t/acme/settings/transfer", {"to": people.mel.id}).status_code == 303

    assert people.mel.get("/t/acme/settings").status_code == 200
    assert people.alice.get("/t/acme/settings").status_code == 403
    assert people.alice.get("/t/acme/members").status_code == 200


def test_team_cannot_be_handed_to_a_stranger(people: People) -> None:
    assert people.alice.post("/t/acme/settings/transfer", {"to": people.charlie.id}).status_code == 404
    assert people.alice.get("/t/acme/settings/transfer?to=usr_nobody").status_code == 404
    assert people.alice.post("/t/acme/settings/transfer", {"to": people.alice.id}).status_code == 422


def test_renamed_team_keeps_its_address(people: People, page: Page) -> None:
    assert people.alice.post("/t/acme/settings", {"name": "Acme <b>& Sons</b>"}).status_code == 303

    settings = page.get("/t/acme/settings", people.alice)
    assert settings.by_id("name").get("value") == "Acme <b>& Sons</b>"
    assert "<b>&" not in settings.html


def test_switching_is_recorded(people: People) -> None:
    alice = people.alice
    alice.post("/teams/new", {"name": "Second"})

    assert alice.post("/teams/acme/switch").location == "/t/acme/"

    assert alice.new_visitor().get("/").location == "/t/acme/"
    assert alice.post("/teams/other/switch").status_code == 404


def test_member_of_another_team_is_not_found_here(people: People) -> None:
    assert people.alice.get(f"/t/acme/members/{people.charlie.id}/remove").status_code == 404
    assert people.alice.post(f"/t/acme/members/{people.charlie.id}/remove").status_code == 404
    assert set_role(people.alice, people.charlie, "viewer") == 404


def test_role_is_checked_again_when_it_matters(app: Flask, people: People) -> None:
    with app.app_context():
        teams.change_role(people.acme.id, people.bob.id, Role.VIEWER, actor_id=people.alice.id)
        with pytest.raises(SignalboxError):
            teams.remove_member(people.acme.id, people.mel.id, actor_id=people.bob.id)


@pytest.mark.parametrize(
    ("sent", "expected"), [("/account", "/account"), ("//evil.example/", "/"), ("https://evil.example/", "/")]
)
def test_theme_is_kept_in_a_cookie(people: People, sent: str, expected: str) -> None:
    visitor = people.anybody()

    answer = visitor.post("/theme", {"theme": "dark", "next": sent})

    assert answer.location == expected
    assert 'data-bs-theme="dark"' in visitor.get("/sign-in").get_data(as_text=True)


def test_unknown_theme_changes_nothing(people: People) -> None:
    answer = people.anybody().post(
        "/theme", {"theme": "<script>"}, headers={"Referer": "http://evil.example/x"}
    )

    assert "Set-Cookie" not in answer.headers or "theme=" not in answer.headers["Set-Cookie"]
    assert answer.location == "/x", "a path on this site, whoever sent it"
