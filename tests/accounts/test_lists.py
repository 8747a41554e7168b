"""The lists of members and invitations: filtered and paged, the same on pages and over the API."""

from datetime import timedelta

import pytest
from flask import Flask

from app.accounts.models import Invitation, Membership, User
from app.accounts.services import invitations
from app.api_keys.models import ApiKey
from app.db import pages
from app.extensions import db
from app.lib import clock
from app.web.permissions import Role
from tests.api_client import Api
from tests.page import Document, Page
from tests.people import People

MEMBERS, INVITATIONS = "/t/acme/members", "/t/acme/invitations"


def first_cells(shown: Document) -> list[str]:
    """Return what the rows are called, in their order."""
    return [shown.text(row[0]) for body in shown.all("tbody") for row in body if len(row) > 1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Vic", "Mel", "Bob You", "Alice"]),
        ("role=admin", ["Bob You"]),
        ("q=MEL@", ["Mel"]),
        ("q=e&role=member", ["Mel"]),
        ("q=%25", []),
    ],
)
@pytest.mark.postgresql
def test_members_are_found(people: People, page: Page, query: str, expected: list[str]) -> None:
    shown = page.get(f"{MEMBERS}?{query}", people.bob)

    assert first_cells(shown) == expected
    assert first_cells(page.fragment(f"{MEMBERS}?{query}", "member-list", people.bob)) == expected
    if not expected:
        assert shown.has_text("No member matches")


def test_filter_that_cannot_be_read_is_explained(people: People, page: Page) -> None:
    shown = page.get(f"{MEMBERS}?role=emperor", people.vic, status=422)

    assert shown.error_of("filter-role") == "Role: choose Owner, Admin, Member or Viewer."


def test_program_finds_the_same_members(people: People, api: Api) -> None:
    names = [row["name"] for row in api("GET", "/members?role=admin").get_json()["data"]]

    assert names == ["Bob"]
    assert api("GET", "/members?role=emperor").status_code == 422
    assert api("GET", "/members?role=").status_code == 422


def test_large_team_comes_in_pages(app: Flask, people: People, page: Page) -> None:
    with app.app_context():
        users = [
            User(name=f"User {number}", email=f"user{number}@example.com", password_hash="")
            for number in range(pages.PAGE_SIZE)
        ]
        db.session.add_all(users)
        db.session.flush()
        db.session.add_all(
            Membership(team_id=people.acme.id, user_id=user.id, role="viewer") for user in users
        )
        db.session.commit()

    first = page.get(MEMBERS, people.vic)
    second = page.get(first.one("a", rel="next").get("href", ""), people.vic)

    assert len(first_cells(first)) == pages.PAGE_SIZE
    assert set(first_cells(second)) == {"Alice", "Bob", "Mel", "Vic You"}


@pytest.fixture
def in_all_states(app: Flask, people: People, api: Api) -> None:
    """Invitations that are open, accepted, revoked, expired, and one whose key was revoked."""
    with app.app_context():
        key_id = db.session.query(ApiKey.id).scalar()
        for state in ("open", "accepted", "revoked", "expired"):
            made = invitations.invite(
                people.acme.id, role=Role.MEMBER, email=f"{state}@example.com", actor_id=people.alice.id
            )
            invitation = db.session.get_one(Invitation, made.id)
            if state == "accepted":
                invitation.accepted_at = clock.now()
            elif state == "revoked":
                invitation.revoked_at = clock.now()
            elif state == "expired":
                invitation.expires_at = clock.now() - timedelta(seconds=1)
            db.session.commit()
        invitations.invite(
            people.acme.id, role=Role.VIEWER, email="by-key@example.com", actor_id=None, key_id=key_id
        )
        db.session.get_one(ApiKey, key_id).revoked_at = clock.now()
        db.session.commit()
        db.session.remove()


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["by-key", "expired", "revoked", "accepted", "open"]),
        ("state=open", ["open"]),
        ("state=accepted", ["accepted"]),
        ("state=revoked", ["by-key", "revoked"]),
        ("state=expired", ["expired"]),
        ("q=E%40EX", []),
        ("q=n%40ex&state=open", ["open"]),
    ],
)
def test_invitations_are_found_by_what_became_of_them(
    people: People, page: Page, in_all_states: None, query: str, expected: list[str]
) -> None:
    shown = page.get(f"{INVITATIONS}?{query}", people.bob)

    assert [name.removesuffix("@example.com") for name in first_cells(shown)] == expected
    revocable = [link for link in shown.links() if link.endswith("/revoke")]
    assert len(revocable) == ("open" in expected)


def test_whole_row_of_an_invitation_leads_to_it(people: People, page: Page, in_all_states: None) -> None:
    link = page.get(f"{INVITATIONS}?state=open", people.bob).one("a", class_="sb-row-link")

    assert page.get(link.get("href", ""), people.bob).has_text("open@example.com")


def test_list_of_invitations_teaches_while_there_is_none(people: People, page: Page) -> None:
    shown = page.get(INVITATIONS, people.bob)

    assert shown.has_text("An invitation is a link that lets one person join")
    assert not shown.all("form", role="search"), "there is nothing to filter"
    assert INVITATIONS in page.get(MEMBERS, people.bob).links()


def test_only_who_manages_members_sees_invitations(people: People) -> None:
    assert people.mel.get(INVITATIONS).status_code == 403
    assert people.charlie.get(INVITATIONS).status_code == 404


def test_program_finds_the_same_invitations(people: People, page: Page, api: Api) -> None:
    api("POST", "/invitations", {"email": "nora@example.com", "role": "viewer"})

    found = api("GET", "/invitations?state=open&q=nora").get_json()["data"]

    assert [(row["email"], row["state"]) for row in found] == [("nora@example.com", "open")]
    assert api("GET", "/invitations?state=revoked").get_json()["data"] == []
