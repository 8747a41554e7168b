"""Invitations: who may join, once, in time."""

import re
import threading
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import delete, func, select, update

from app.accounts.models import Invitation, Membership, Team
from app.accounts.services import invitations
from app.accounts.services.users import NewPerson
from app.extensions import REDIS, db
from app.lib import clock
from app.lib.errors import AuthorizationFailed, SignalboxError
from app.outbox.models import OutgoingMail
from app.web.permissions import Role
from tests import slots
from tests.page import Page
from tests.people import PASSWORD, People, Person, Visitor
from tests.races import at_once
from tests.waiting_jobs import run_waiting_jobs, waiting_mails

FORM = {"name": "Nora", "email": "nora@example.com", "password": "a lighthouse keeper"}


def invite(page: Page, inviter: Person, **form: str) -> str:
    """Invite somebody through the page and return the path of the link, shown once."""
    answer = inviter.post("/t/acme/invitations/new", {"role": "member", "email": "", **form})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    shown = page.get(str(answer.location), inviter)
    link = shown.by_id("invitation-link").get("value", "")
    assert not page.get(str(answer.location), inviter).all("input", id="invitation-link"), "shown twice"
    match = re.search(r"/invitations/\S+", link)
    assert match
    return match[0]


def test_newcomer_joins_with_the_link(people: People, page: Page, visitor: Visitor) -> None:
    path = invite(page, people.bob)
    assert page.get(path).has_text("Bob invites you to the team as member.")

    joined = visitor.post(f"{path}/join", FORM)

    assert joined.location == "/t/acme/"
    assert visitor.get("/t/acme/webhooks/new").status_code != 404
    assert page.get("/t/acme/members", people.alice).has_text("nora@example.com")


def test_user_joins_after_signing_in(people: People, page: Page, visitor: Visitor) -> None:
    path = invite(page, people.alice, role="viewer")
    sign_in = next(link for link in page.get(path).links() if link.startswith("/sign-in?"))

    back = visitor.post(sign_in, {"email": "charlie@example.com", "password": PASSWORD}).location
    assert back == path
    joined = visitor.post(f"{path}/accept")

    assert joined.location == "/t/acme/"
    assert visitor.get("/t/acme/members").status_code == 200


def test_only_a_digest_is_stored(app: Flask, people: People, page: Page) -> None:
    token = invite(page, people.alice).rpartition("/")[2]

    with app.app_context():
        stored = db.session.query(Invitation).one()
        assert token not in str(vars(stored))
        assert len(stored.token_digest) == 64


def test_link_works_once(people: People, page: Page, visitor: Visitor) -> None:
    path = invite(page, people.alice)
    visitor.post(f"{path}/join", FORM)

    again = people.anybody().post(f"{path}/join", {**FORM, "email": "second@example.com"})

    assert again.status_code == 409
    assert page.read(again).has_text("This invitation was used already.")
    assert people.charlie.post(f"{path}/accept").status_code == 409
    assert people.charlie.get("/t/acme/members").status_code == 404


def test_revoked_link_is_invalid(people: People, page: Page, visitor: Visitor) -> None:
    path = invite(page, people.alice, email="nora@example.com")
    listed = page.get("/t/acme/invitations", people.alice)
    revoke = next(link for link in listed.links() if link.endswith("/revoke"))
    assert page.get(revoke, people.alice).has_text("Revoke the invitation for nora@example.com?")

    people.alice.post(revoke)

    assert page.get(path, status=409).has_text("was revoked. Ask an admin of the team for a new one.")
    assert visitor.post(f"{path}/join", FORM).status_code == 409
    assert not page.get("/t/acme/invitations?state=open", people.alice).has_text("nora@example.com")


def test_expired_link_is_invalid(app: Flask, people: People, page: Page, visitor: Visitor) -> None:
    path = invite(page, people.alice)
    with app.app_context():
        db.session.execute(update(Invitation).values(expires_at=clock.now() - timedelta(seconds=1)))
        db.session.commit()

    assert page.get(path, status=409).has_text("has expired. Ask an admin of the team for a new one.")
    assert visitor.post(f"{path}/join", FORM).status_code == 409
    assert page.get("/t/acme/invitations?state=open", people.alice).has_text("No invitation matches")
    assert page.get("/t/acme/invitations", people.alice).has_text("Expired")


def test_invitation_for_an_address_is_for_nobody_else(people: People, page: Page, visitor: Visitor) -> None:
    path = invite(page, people.alice, email="nora@example.com")

    assert people.charlie.post(f"{path}/accept").status_code == 403
    assert page.get(path, people.charlie).has_text("you are signed in as charlie@example.com")
    other = page.read(visitor.post(f"{path}/join", {**FORM, "email": "eve@example.com"}))
    assert "This invitation is for nora@example.com" in other.error_of("email")
    assert visitor.post(f"{path}/join", FORM).status_code == 303


def test_invitation_with_an_address_is_mailed(
    app: Flask, people: People, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    path = invite(page, people.alice, email="nora@example.com")

    with app.app_context():
        (mail,) = db.session.query(OutgoingMail)
        (invitation,) = db.session.query(Invitation)
        assert mail.args == [invitation.id], "the token stands nowhere"
        db.session.remove()
    run_waiting_jobs(app)
    printed = capsys.readouterr().out
    assert "nora@example.com" in printed
    assert path in printed


def test_without_redis_the_mail_of_an_invitation_waits_in_the_database(
    app: Flask, people: People, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots.put(monkeypatch, app, REDIS, Redis.from_url("redis://127.0.0.1:1/0"))

    answer = people.alice.post("/t/acme/invitations/new", {"role": "member", "email": "nora@example.com"})
    shown = page.read(answer)

    assert waiting_mails(app) == ["accounts.invitation"]
    assert shown.by_id("invitation-link").get("value")


def test_member_who_opens_a_link_keeps_their_role(people: People, page: Page) -> None:
    path = invite(page, people.alice, role="viewer")

    assert people.bob.post(f"{path}/accept").location == "/t/acme/"

    assert people.bob.get("/t/acme/api-keys/").status_code == 200, "still an admin"
    assert people.charlie.post(f"{path}/accept").status_code == 303, "and the link is there for somebody else"


def test_second_invitation_for_an_address_is_refused(people: People, page: Page) -> None:
    invite(page, people.alice, email="nora@example.com")

    twice = people.alice.post("/t/acme/invitations/new", {"role": "member", "email": "Nora@example.com"})
    member = people.alice.post("/t/acme/invitations/new", {"role": "member", "email": "mel@example.com"})

    assert "has an open invitation" in page.read(twice).error_of("email")
    assert "is in the team already" in page.read(member).error_of("email")


def test_admin_cannot_invite_an_owner(people: People, page: Page) -> None:
    form = page.get("/t/acme/invitations/new", people.bob)
    assert [option.get("value") for option in form.all("input", name="role")] == ["admin", "member", "viewer"]

    assert people.bob.post("/t/acme/invitations/new", {"role": "owner", "email": ""}).status_code == 422


def test_invitation_of_another_team_cannot_be_revoked(app: Flask, people: People, page: Page) -> None:
    path = invite(page, people.alice)
    with app.app_context():
        invitation_id = db.session.query(Invitation).one().id

    assert people.charlie.post(f"/t/other/invitations/{invitation_id}/revoke").status_code == 404
    assert people.charlie.get(path).status_code == 200


def test_unknown_link_says_what_to_do(page: Page, visitor: Visitor, people: People) -> None:
    assert page.get("/invitations/nonsense", status=404).has_text("Check that you opened the whole link")
    assert visitor.post("/invitations/nonsense/join", FORM).status_code == 404


@pytest.mark.postgresql
def test_two_at_once_share_no_invitation(app: Flask, people: People, page: Page) -> None:
    token = invite(page, people.alice).rpartition("/")[2]
    with app.app_context():
        newcomers = [people.charlie.id]
    outcomes: list[bool] = []

    def accept(user_id: str) -> None:
        with app.app_context():
            try:
                invitations.accept(token, user_id)
            except SignalboxError:
                outcomes.append(False)
            else:
                outcomes.append(True)

    person = NewPerson("Nora", "nora@example.com", "a lighthouse keeper")

    def join() -> None:
        with app.app_context():
            try:
                invitations.sign_up_invited(token, person)
            except SignalboxError:
                outcomes.append(False)
            else:
                outcomes.append(True)

    threads = [threading.Thread(target=accept, args=newcomers), threading.Thread(target=join)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [False, True]


def test_who_is_removed_cannot_come_back_with_their_own_link(people: People, page: Page) -> None:
    path = invite(page, people.bob, role="admin")
    bob = people.bob.new_visitor()
    people.alice.post(f"/t/acme/members/{people.bob.id}/remove")

    bob.post(f"{path}/accept")

    assert bob.get("/t/acme/members").status_code == 404


def test_who_loses_their_role_loses_the_links_they_made(people: People, page: Page, visitor: Visitor) -> None:
    path = invite(page, people.bob, role="admin")
    people.alice.post(f"/t/acme/members/{people.bob.id}/role", {"role": "viewer"})

    visitor.post(f"{path}/join", FORM)

    assert not page.get("/t/acme/members", people.alice).has_text("nora@example.com")


@pytest.mark.postgresql
def test_member_who_is_being_removed_leaves_no_invitation_behind(app: Flask, people: People) -> None:
    """What the removal does not see yet, it cannot revoke: so who invites waits for it."""
    outcomes: list[str] = []

    def invite() -> None:
        with app.app_context():
            try:
                invitations.invite(people.acme.id, role=Role.ADMIN, email=None, actor_id=people.bob.id)
                outcomes.append("invited")
            except AuthorizationFailed:
                outcomes.append("refused")

    with app.app_context(), db.engine.begin() as removal:
        removal.execute(select(Team.id).where(Team.id == people.acme.id).with_for_update())
        removal.execute(delete(Membership).where(Membership.user_id == people.bob.id))
        thread = threading.Thread(target=invite)
        thread.start()
        # It ends here only if it did not wait.
        thread.join(timeout=0.5)
    thread.join()

    assert outcomes == ["refused"]


@pytest.mark.postgresql
def test_two_invitations_accepted_at_once_make_one_member(app: Flask, people: People) -> None:
    """By mail and by link, say, in two tabs."""
    with app.app_context():
        invited = [
            invitations.invite(people.acme.id, role=Role.MEMBER, email=None, actor_id=people.alice.id).token
            for _ in range(4)
        ]

    def accept(token: str) -> str:
        with app.app_context():
            return invitations.accept(token, people.charlie.id)

    assert at_once([partial(accept, token) for token in invited]) == ["acme"] * 4

    with app.app_context():
        accepted = select(func.count()).where(Invitation.accepted_at.is_not(None))
        assert db.session.scalar(accepted) == 1
