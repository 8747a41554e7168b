"""Connecting: to the provider and back, and everything that may be wrong with the way back."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select

from app.db.session import reading
from app.extensions import db
from app.integrations.models import Connection, Integration
from app.lib import clock
from tests.integrations.oauth.conftest import CALLBACK, Connecting, query_of
from tests.page import Page
from tests.people import People


def test_an_integration_is_connected_and_called(connecting: Connecting, page: Page) -> None:
    assert page.get(connecting.path, connecting.people.bob).has_text("Nobody has connected it yet.")
    before = clock.now()
    answer = connecting.connect()
    assert (answer.status_code, answer.location) == (303, f"{connecting.path}#connection")

    row = connecting.connection()
    assert (row.state, row.token_version, row.granted_scope) == ("connected", 1, "read write")
    assert row.expires_at
    assert abs(row.expires_at - before - timedelta(hours=1)) < timedelta(minutes=5)
    assert row.due_at
    assert timedelta(minutes=40) < row.due_at - before < timedelta(minutes=55)
    tokens = connecting.tokens()
    assert tokens.access_token not in row.tokens_sealed
    shown = page.get(connecting.path, connecting.people.bob)
    for words in ("Custom OAuth 2.0 is connected.", "Connected", "Reconnect", "Refresh now", "Disconnect"):
        assert shown.has_text(words), words
    assert tokens.access_token not in shown.html
    assert tokens.refresh_token
    assert tokens.refresh_token not in shown.html
    assert connecting.call().result.status_code == 200
    assert connecting.trail() == ["connected"]


def test_authorization_is_bound_and_registered_exactly(connecting: Connecting, app: Flask) -> None:
    query = query_of(connecting.begin())
    assert query["redirect_uri"] == app.config["SETTINGS"].public_url + CALLBACK
    assert query["code_challenge_method"] == "S256"
    assert query["scope"] == "read write"
    assert len(query["state"]) >= 32


def test_the_trail_names_who_connected_it(connecting: Connecting, app: Flask) -> None:
    connecting.connect()
    with app.app_context(), reading():
        from app.audit.models import AuditEntry

        entry = db.session.scalars(
            select(AuditEntry).where(AuditEntry.action == "integration.connected")
        ).one()
        assert (entry.actor_kind, entry.actor_id) == ("user", connecting.people.bob.id)


def test_reconnecting_keeps_the_ids(connected: Connecting) -> None:
    before = connected.connection()
    connected.connect()
    after = connected.connection()
    assert (after.id, after.integration_id) == (before.id, before.integration_id)
    assert after.token_version == before.token_version + 1
    assert connected.trail() == ["connected", "reconnected"]


def test_consent_without_a_refresh_token_keeps_the_earlier_one(connected: Connecting) -> None:
    earlier = connected.tokens().refresh_token
    connected.authority.in_answers = {"refresh_token": None}
    connected.connect()
    assert connected.tokens().refresh_token == earlier


def test_a_refused_refresh_token_is_not_kept(connected: Connecting) -> None:
    connected.change(state="needs_reconnect")
    connected.authority.in_answers = {"refresh_token": None}
    connected.connect()
    assert connected.tokens().refresh_token is None


@pytest.mark.parametrize("expires_in", [None, 0, "0", -5, "soon", True])
def test_an_unknown_life_is_refreshed_by_schedule(connecting: Connecting, expires_in: object) -> None:
    connecting.authority.in_answers = {"expires_in": expires_in}
    now = clock.now()
    connecting.connect()
    row = connecting.connection()
    assert row.expires_at is None
    assert row.due_at
    assert timedelta(hours=20) < row.due_at - now < timedelta(hours=25)


ANSWERS: dict[str, tuple[int, bytes, int, str]] = {
    "400 without error": (400, b'{"message": "no"}', 409, "gave no token that can be used"),
    "400 that looks like a token": (400, b'{"access_token": "x"}', 409, "gave no token that can be used"),
    "429 page": (429, b"<html>slow down", 503, "Connect again in some minutes"),
    "500": (500, b"{}", 503, "Connect again in some minutes"),
    "redirect": (307, b"{}", 503, "Connect again in some minutes"),
    "huge": (200, b'{"access_token": "' + b"x" * 300_000 + b'"}', 503, "Connect again in some minutes"),
    "deep": (200, b"[" * 200_000, 503, "Connect again in some minutes"),
    "mac": (200, b'{"access_token": "x", "token_type": "mac"}', 409, "of the type mac"),
    "no token": (200, b'{"token_type": "bearer"}', 409, "no access token"),
    "invalid client": (401, b'{"error": "invalid_client"}', 409, "client id or secret"),
    "used code": (400, b'{"error": "invalid_grant"}', 409, "It works once"),
}


@pytest.mark.parametrize(("status", "body", "shown_status", "words"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_no_token_is_explained_and_not_stored(
    connecting: Connecting, page: Page, status: int, body: bytes, shown_status: int, words: str
) -> None:
    back = connecting.consent(connecting.begin())
    connecting.authority.instead = (status, body, 0)
    answer = page.read(connecting.people.bob.visitor.get(back))
    assert answer.status == shown_status
    assert answer.has_text(words), answer.text(answer.root)
    assert connecting.path in answer.links()
    assert connecting.row() is None


def test_what_a_provider_repeats_of_our_secrets_is_masked(connecting: Connecting, page: Page) -> None:
    back = connecting.consent(connecting.begin())
    code = query_of(back)["code"]
    told = f'{{"error": "invalid_grant", "error_description": "code {code} is unknown"}}'
    connecting.authority.instead = (400, told.encode(), 0)
    answer = page.read(connecting.people.bob.visitor.get(back))
    assert answer.has_text("is unknown")
    assert code not in answer.text(answer.root)


def test_a_code_works_once(connecting: Connecting, page: Page) -> None:
    back = query_of(connecting.consent(connecting.begin()))
    again = query_of(connecting.begin())["state"]
    bob = connecting.people.bob.visitor
    assert bob.get(f"{CALLBACK}?{urlencode(back)}").status_code == 303
    answer = page.read(bob.get(f"{CALLBACK}?{urlencode({**back, 'state': again})}"))
    assert (answer.status, answer.has_text("It works once")) == (409, True)
    assert connecting.connection().token_version == 1


def test_a_state_works_once(connecting: Connecting) -> None:
    back = connecting.consent(connecting.begin())
    bob = connecting.people.bob.visitor
    assert bob.get(back).status_code == 303
    asked = len(connecting.authority.seen)
    assert bob.get(back).status_code == 409
    assert len(connecting.authority.seen) == asked


def test_a_state_belongs_to_its_browser(connecting: Connecting) -> None:
    back = connecting.consent(connecting.begin())
    assert connecting.people.bob.new_visitor().get(back).status_code == 409
    assert connecting.people.alice.visitor.get(back).status_code == 409
    refused_to_others(connecting)


def test_a_state_belongs_to_its_user(connecting: Connecting) -> None:
    """The same browser, in which somebody else signed in meanwhile."""
    browser = connecting.people.bob.new_visitor()
    back = connecting.consent(connecting.begin(browser))
    with browser.client.session_transaction() as session:
        kept = session["oauth_browser"]
    other = connecting.people.alice.visitor
    with other.client.session_transaction() as session:
        session["oauth_browser"] = kept
    assert other.get(back).status_code == 403
    refused_to_others(connecting)


def test_a_state_belongs_to_its_team(connecting: Connecting) -> None:
    browser = connecting.people.bob.new_visitor()
    back = connecting.consent(connecting.begin(browser))
    with browser.client.session_transaction() as session:
        kept = session["oauth_browser"]
    stranger = connecting.people.charlie.visitor
    with stranger.client.session_transaction() as session:
        session["oauth_browser"] = kept
    answer = stranger.get(back)
    assert answer.status_code == 403
    refused_to_others(connecting)


def test_a_state_belongs_to_its_provider(connecting: Connecting) -> None:
    back = connecting.consent(connecting.begin())
    bob = connecting.people.bob.visitor
    assert bob.get(back.replace("/callback/custom", "/callback/rest")).status_code == 409
    refused_to_others(connecting)


def test_nobody_who_is_signed_out_connects(connecting: Connecting, people: People) -> None:
    back = connecting.consent(connecting.begin())
    assert people.anybody().get(back).status_code == 403
    refused_to_others(connecting)


def test_who_lost_the_right_meanwhile_does_not_connect(connecting: Connecting, people: People) -> None:
    from app.accounts.models import Membership
    from app.web.permissions import Role

    back = connecting.consent(connecting.begin())
    with connecting.app.app_context():
        db.session.query(Membership).filter_by(user_id=people.bob.id).update({"role": Role.MEMBER})
        db.session.commit()
    assert people.bob.visitor.get(back).status_code == 403
    refused_to_others(connecting)


def refused_to_others(connecting: Connecting) -> None:
    assert connecting.row() is None
    assert [path for path, _ in connecting.authority.seen] == [], "the code was not sent anywhere"


@pytest.mark.parametrize("iss", ["https://evil.example", "", "not an address"])
def test_an_answer_of_another_issuer_is_refused(connecting: Connecting, page: Page, iss: str) -> None:
    query = {**query_of(connecting.consent(connecting.begin())), "iss": iss}
    answer = page.read(connecting.people.bob.visitor.get(f"{CALLBACK}?{urlencode(query)}"))
    assert answer.status == 409
    assert answer.has_text("came back from another server")
    refused_to_others(connecting)


def test_a_named_issuer_is_compared_exactly(connecting: Connecting) -> None:
    for issuer, status in ((connecting.authority.url, 303), (connecting.authority.url + "/tenant", 409)):
        connecting.integration_id = connecting.add(issuer=issuer)
        assert connecting.connect().status_code == status


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        ("access_denied", 409, "consent was not given"),
        ("invalid_scope", 409, "one of the scopes"),
        ("temporarily_unavailable", 503, "in some minutes"),
        ("<script>alert(1)</script>", 409, "scriptalert1script"),
        ("", 409, "does not name"),
    ],
)
def test_errors_of_the_authorization_endpoint_are_explained(
    connecting: Connecting, page: Page, error: str, status: int, words: str
) -> None:
    state = query_of(connecting.begin())["state"]
    query = urlencode({"state": state, "error": error, "error_description": "<b>foreign</b>"})
    answer = page.read(connecting.people.bob.visitor.get(f"{CALLBACK}?{query}"))
    assert answer.status == status
    assert answer.has_text(words), answer.text(answer.root)
    assert "foreign" not in answer.text(answer.root)
    refused_to_others(connecting)


@pytest.mark.parametrize("code", ["", "x" * 5000])
def test_a_callback_without_a_code_is_refused(connecting: Connecting, code: str) -> None:
    state = query_of(connecting.begin())["state"]
    query = urlencode({"state": state, "code": code})
    assert connecting.people.bob.visitor.get(f"{CALLBACK}?{query}").status_code == 409
    refused_to_others(connecting)


def test_an_integration_that_was_deleted_meanwhile_is_not_connected(connecting: Connecting) -> None:
    back = connecting.consent(connecting.begin())
    with connecting.app.app_context():
        db.session.delete(db.session.get(Integration, connecting.integration_id))
        db.session.commit()
    assert connecting.people.bob.visitor.get(back).status_code == 404
    with connecting.app.app_context(), reading():
        assert db.session.scalars(select(Connection)).all() == []
    assert connecting.authority.seen == []


def test_without_an_app_nothing_begins(connecting: Connecting, page: Page, app: Flask) -> None:
    from app.integrations.services.integrations import create_integration
    from app.integrations.services.settings import IntegrationSettings

    with app.app_context():
        connecting.integration_id = create_integration(
            connecting.team_id, "github", IntegrationSettings(name="Code", auth_method="oauth")
        )
    answer = connecting.people.bob.visitor.post(f"{connecting.path}/connect")
    assert answer.status_code == 303
    shown = page.get(answer.location, connecting.people.bob)
    assert shown.has_text("There is no app to connect GitHub")
    assert shown.has_text("Add the app")
