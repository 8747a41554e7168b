"""Signing in at the company's OpenID provider: a real one on loopback, well-behaved and not."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from redis import Redis
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.accounts.models import Membership, OpenIdAccount, User, UserSession
from app.accounts.openid import client as openid_client
from app.accounts.openid.contract import OPENID_CLIENT
from app.accounts.services import invitations
from app.audit.models import AuditEntry
from app.config import ConfigError, load_settings
from app.extensions import OUTBOUND_CLIENT, REDIS, db
from app.web.permissions import Role
from tests import slots
from tests.accounts.openid_provider import CLIENT_ID, CLIENT_SECRET, Misbehaviour, Provider, provider_running
from tests.page import Page
from tests.people import PASSWORD, People, Person, Visitor
from tests.web.forms.sending import hidden_fields, send

ALICE: dict[str, Any] = {
    "sub": "alice-at-work", "email": "alice@example.com", "email_verified": True, "name": "Alice Adams",
}  # fmt: skip
NEWCOMER: dict[str, Any] = {
    "sub": "nora", "email": "Nora@Example.com", "email_verified": True, "name": "Nora New",
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provider_running() as provider:
        yield provider


@pytest.fixture
def provider(app: Flask, running: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """Return the provider that the app is configured for; Alice signs in there."""
    running.person, running.wrong, running.seen = dict(ALICE), Misbehaviour(), []
    running.connection_count = 0
    running.codes.clear()
    running.redirect_uri = app.config["SETTINGS"].public_url + "/sign-in/openid/callback"
    configure(app, monkeypatch, running)
    return running


def configure(app: Flask, monkeypatch: pytest.MonkeyPatch, provider: Provider, **more: object) -> None:
    settings = app.config["SETTINGS"].model_copy(
        update={
            "openid_issuer": provider.issuer,
            "openid_client_id": CLIENT_ID,
            "openid_client_secret": CLIENT_SECRET,
            "openid_name": "Example login",
        }
        | more
    )
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    # Made again from these settings; removed after the test.
    slots.put(monkeypatch, app, OPENID_CLIENT, None)
    slots.put(monkeypatch, app, OUTBOUND_CLIENT, None)


def at_provider(location: str | None) -> str:
    """Go to the provider as a browser does; returns the path that it redirects back to."""
    assert location
    answer = requests.get(location, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def sign_in(visitor: Visitor, path: str = "/sign-in/openid") -> TestResponse:
    """Sign in through the provider as its current user."""
    started = visitor.get(path)
    assert started.status_code == 303, started.get_data(as_text=True)
    return visitor.get(at_provider(started.location))


def link(person: Person) -> TestResponse:
    """Link the provider's current user to the person's account."""
    asked = person.post("/account/openid", {"current_password": PASSWORD})
    assert asked.status_code == 200, asked.get_data(as_text=True)
    return person.get(at_provider(asked.headers["Refresh"].partition("url=")[2]))


@pytest.fixture
def linked(app: Flask, people: People, provider: Provider) -> People:
    """Return the people; Alice linked her company account."""
    with app.app_context():
        account = OpenIdAccount(user_id=people.alice.id, issuer=provider.issuer, subject=ALICE["sub"])
        account.email = ALICE["email"]
        db.session.add(account)
        db.session.commit()
        db.session.remove()
    return people


def stored(app: Flask) -> tuple[int, int, int]:
    """Return how many users, links and sessions there are."""
    with app.app_context():
        counts = tuple(
            db.session.scalar(select(func.count()).select_from(model)) or 0
            for model in (User, OpenIdAccount, UserSession)
        )
        db.session.remove()
    return counts[0], counts[1], counts[2]


def test_linked_account_signs_in_and_leads_back(linked: People, page: Page, visitor: Visitor) -> None:
    shown = page.get("/sign-in?next=/t/acme/members", visitor)
    path = next(href for href in shown.links() if href.startswith("/sign-in/openid"))

    answer = sign_in(visitor, path)

    assert shown.has_text("Sign in with Example login")
    assert answer.location == "/t/acme/members"
    assert page.get("/account", visitor).has_text("You sign in with alice@example.com")
    assert page.get("/account/sessions", visitor).has_text("OpenID provider")


def test_linking_needs_password_and_shows_on_the_account(
    app: Flask, people: People, provider: Provider, page: Page
) -> None:
    refused = page.read(people.alice.post("/account/openid", {"current_password": "wrong one"}))
    assert "not your password" in refused.error_of("current_password")

    asked = people.alice.post("/account/openid", {"current_password": PASSWORD})
    page.read(asked)
    link(people.alice)

    shown = page.get("/account/openid", people.alice)
    assert shown.has_text("alice@example.com")
    assert page.get("/account", people.alice).has_text("Linked")


def test_request_is_what_it_has_to_be(
    app: Flask, provider: Provider, visitor: Visitor, redis_url: str
) -> None:
    location = visitor.get("/sign-in/openid").location or ""

    query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    assert location.startswith(f"{provider.issuer}/authorize?")
    assert query["redirect_uri"] == provider.redirect_uri
    assert query["scope"] == "openid email profile", "not what the description says"
    assert query["code_challenge_method"] == "S256"
    assert len(query["state"]) >= 20
    assert len(query["nonce"]) >= 20
    with Redis.from_url(redis_url) as redis:
        (key,) = redis.keys("signalbox:oauth:*")
        kept = json.loads(redis.get(key))
        assert 0 < redis.ttl(key) <= 600
    assert query["state"] not in key.decode()
    with visitor.client.session_transaction() as session:
        assert kept["verifier"] not in str(dict(session)), "the cookie is readable"


def test_verifier_is_in_no_log(
    app: Flask, people: People, provider: Provider, caplog: pytest.LogCaptureFixture, redis_url: str
) -> None:
    with caplog.at_level("DEBUG"):
        people.anybody().get("/sign-in/openid")

    with Redis.from_url(redis_url) as redis:
        (key,) = redis.keys("signalbox:oauth:*")
        verifier = json.loads(redis.get(key))["verifier"]
    assert verifier not in caplog.text


def test_address_alone_opens_no_account(app: Flask, people: People, provider: Provider, page: Page) -> None:
    """Alice's account could have been made by somebody else with her address."""
    before = stored(app)

    refused = page.read(sign_in(people.anybody()))

    assert refused.status == 409
    assert refused.has_text("link it on the page 'Account'")
    assert stored(app) == before


def test_newcomer_is_told_to_ask_for_an_invitation(
    app: Flask, people: People, provider: Provider, page: Page
) -> None:
    provider.person = dict(NEWCOMER)
    before = stored(app)

    refused = page.read(sign_in(people.anybody()))

    assert refused.status == 403
    assert refused.has_text("ask an admin of your team for an invitation")
    assert stored(app) == before


def test_newcomer_gets_an_account_where_the_operator_allows_it(
    app: Flask, people: People, provider: Provider, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(app, monkeypatch, provider, openid_sign_up=True)
    provider.person = dict(NEWCOMER)
    visitor = people.anybody()

    assert sign_in(visitor).status_code == 303
    again = people.anybody()
    assert sign_in(again).status_code == 303

    assert page.get("/account", again).has_text("You sign in with nora@example.com")
    assert page.get("/account/openid", again).has_text("You have no password")
    assert page.get("/account/second-factor", again).has_text("You have no password")
    assert people.anybody().sign_in("nora@example.com", "").status_code == 422
    assert people.anybody().sign_in("nora@example.com", PASSWORD).status_code == 422
    with app.app_context():
        assert db.session.scalar(select(func.count()).where(User.email == "nora@example.com")) == 1
        assert db.session.scalar(select(User.name).where(User.email == "nora@example.com")) == "Nora New"
        db.session.remove()


@pytest.mark.parametrize("verified", [False, None, "false", 1.5])
def test_unverified_address_makes_no_account(
    app: Flask,
    people: People,
    provider: Provider,
    page: Page,
    monkeypatch: pytest.MonkeyPatch,
    verified: object,
) -> None:
    configure(app, monkeypatch, provider, openid_sign_up=True)
    provider.person = NEWCOMER | {"email_verified": verified}
    before = stored(app)

    refused = page.read(sign_in(people.anybody()))

    assert refused.status == 403
    assert refused.has_text("does not say that your address is verified")
    assert stored(app) == before


def test_known_address_is_not_signed_up_twice(
    app: Flask, people: People, provider: Provider, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(app, monkeypatch, provider, openid_sign_up=True)

    refused = page.read(sign_in(people.anybody()))

    assert refused.status == 409
    assert refused.has_text("There is an account with the address alice@example.com already")


def test_invited_newcomer_joins_without_a_password(
    app: Flask, people: People, provider: Provider, page: Page
) -> None:
    provider.person = dict(NEWCOMER)
    with app.app_context():
        token = invitations.invite(
            people.acme.id, role=Role.MEMBER, email="nora@example.com", actor_id=people.alice.id
        ).token
    visitor = people.anybody()
    assert page.get(f"/invitations/{token}", visitor).has_text("Join with Example login")

    answer = sign_in(visitor, f"/invitations/{token}/openid")

    assert answer.location == "/t/acme/"
    assert visitor.get("/t/acme/members").status_code == 200
    assert sign_in(people.anybody()).location == "/", "next time without the invitation"


def test_invitation_for_another_address_is_refused(
    app: Flask, people: People, provider: Provider, page: Page
) -> None:
    provider.person = dict(NEWCOMER)
    with app.app_context():
        token = invitations.invite(
            people.acme.id, role=Role.MEMBER, email="zoe@example.com", actor_id=people.alice.id
        ).token
    before = stored(app)

    refused = page.read(sign_in(people.anybody(), f"/invitations/{token}/openid"))

    assert refused.has_text("This invitation is for zoe@example.com")
    assert stored(app) == before


def test_linked_user_with_invitation_is_led_to_it(app: Flask, linked: People, provider: Provider) -> None:
    with app.app_context():
        token = invitations.invite(
            linked.other.id, role=Role.MEMBER, email=None, actor_id=linked.charlie.id
        ).token
    visitor = linked.anybody()

    assert sign_in(visitor, f"/invitations/{token}/openid").location == f"/invitations/{token}"
    assert visitor.post(f"/invitations/{token}/accept").location == "/t/other/"


def test_domain_outside_the_list_is_refused(
    app: Flask, linked: People, provider: Provider, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(app, monkeypatch, provider, openid_allowed_domains=("corp.example",), openid_sign_up=True)
    for person in (
        ALICE,
        NEWCOMER,
        NEWCOMER | {"email": "x@corp.example.evil.example"},
        {"sub": "no-address"},
    ):
        provider.person = dict(person)
        refused = page.read(sign_in(linked.anybody()))
        assert refused.status == 403
        assert refused.has_text("Only accounts with a verified address at corp.example")

    provider.person = NEWCOMER | {"email": "nora@corp.example"}
    assert sign_in(linked.anybody()).status_code == 303


def test_second_factor_is_left_to_the_provider(app: Flask, linked: People, page: Page) -> None:
    with app.app_context():
        user = db.session.get_one(User, linked.alice.id)
        user.totp_enabled_at, user.totp_secret_sealed = user.created_at, "x"
        db.session.commit()
    visitor = linked.anybody()

    assert sign_in(visitor).location == "/"
    assert visitor.get("/account").status_code == 200


WRONG_TOKENS: dict[str, Misbehaviour] = {
    "nonce": Misbehaviour(claims={"nonce": "another"}),
    "no nonce": Misbehaviour(claims={"nonce": None}),
    "audience": Misbehaviour(claims={"aud": "somebody-else"}),
    "audience with our azp": Misbehaviour(claims={"aud": "somebody-else", "azp": CLIENT_ID}),
    "no audience": Misbehaviour(claims={"aud": None}),
    "authorized party": Misbehaviour(claims={"aud": [CLIENT_ID, "other"], "azp": "other"}),
    "issuer": Misbehaviour(claims={"iss": "https://evil.example"}),
    "no issuer": Misbehaviour(claims={"iss": None}),
    "expired": Misbehaviour(claims={"exp": 1_700_000_000}),
    "no expiry": Misbehaviour(claims={"exp": None}),
    "from the future": Misbehaviour(claims={"iat": 4_000_000_000}),
    "no subject": Misbehaviour(claims={"sub": None}),
    "empty subject": Misbehaviour(claims={"sub": ""}),
    "number as subject": Misbehaviour(claims={"sub": 7}),
    "long subject": Misbehaviour(claims={"sub": "x" * 256}),
    "unsigned": Misbehaviour(signature="none"),
    "signed with the client's secret": Misbehaviour(signature="hmac"),
    "signed by a stranger": Misbehaviour(signature="stranger"),
    "no id_token": Misbehaviour(id_token=False),
    "other sender": Misbehaviour(response_iss="https://evil.example"),
    "no sender though promised": Misbehaviour(response_iss=None),
    "an error in the form of a token": Misbehaviour(token_status=400, token_body=b'{"detail": "no"}'),
    "refused code": Misbehaviour(token_status=400, token_body=b'{"error": "invalid_grant"}'),
    "access denied": Misbehaviour(error="access_denied"),
    "some error": Misbehaviour(error="invalid_scope"),
}


@pytest.mark.parametrize("wrong", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_unproven_identity_signs_nobody_in(
    app: Flask, linked: People, provider: Provider, page: Page, wrong: Misbehaviour
) -> None:
    provider.wrong = wrong
    before = stored(app)
    visitor = linked.anybody()

    refused = page.read(sign_in(visitor))

    assert refused.status == 403
    assert refused.has_text("Try again with Example login")
    assert visitor.get("/account").status_code == 303
    assert stored(app) == before


WRONG_PROVIDERS: dict[str, Misbehaviour] = {
    "500 at the token endpoint": Misbehaviour(token_status=500, token_body=b"{}"),
    "503 without JSON": Misbehaviour(token_status=503, token_body=b"<html>"),
    "200 without JSON": Misbehaviour(token_body=b"<html>"),
    "JSON, but a list": Misbehaviour(token_body=b"[]"),
    "too much": Misbehaviour(token_body=b'{"access_token": "' + b"x" * 300_000 + b'"}'),
    "it says so": Misbehaviour(error="temporarily_unavailable"),
}


@pytest.mark.parametrize("wrong", WRONG_PROVIDERS.values(), ids=WRONG_PROVIDERS)
def test_failing_provider_is_reported(
    app: Flask, linked: People, provider: Provider, page: Page, wrong: Misbehaviour
) -> None:
    provider.wrong = wrong
    visitor = linked.anybody()

    refused = page.read(sign_in(visitor))

    assert refused.status == 503
    assert refused.has_text("is down or slow")
    assert visitor.get("/account").status_code == 303


@pytest.mark.parametrize("begins", ["signed out", "signed in"])
def test_nobody_waits_to_write_while_the_provider_is_asked(
    app: Flask, linked: People, provider: Provider, monkeypatch: pytest.MonkeyPatch, begins: str
) -> None:
    monkeypatch.setattr(openid_client, "TIMEOUT_S", 60.0)
    configure(app, monkeypatch, provider)
    visitor = linked.anybody() if begins == "signed out" else linked.bob.visitor
    visitor.get("/account")
    back = at_provider(visitor.get("/sign-in/openid").location)
    provider.wrong = Misbehaviour(holds=Event())
    assert provider.wrong.holds is not None
    with ThreadPoolExecutor(1) as pool:
        returned = pool.submit(visitor.get, back)
        try:
            while ("POST", "/token") not in [(method, path) for method, path, _ in provider.seen]:
                assert not returned.done()
            with app.app_context():
                db.session.get_one(User, linked.alice.id).name = "Renamed"
                db.session.commit()
                db.session.remove()
            assert not returned.done()
        finally:
            provider.wrong.holds.set()

    assert returned.result().status_code == 303


def test_slow_provider_is_given_up(
    app: Flask, linked: People, provider: Provider, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openid_client, "TIMEOUT_S", 0.5)
    configure(app, monkeypatch, provider)
    visitor = linked.anybody()
    back = at_provider(visitor.get("/sign-in/openid").location)
    provider.wrong = Misbehaviour(delay_s=2)

    refused = page.read(visitor.get(back))

    assert refused.status == 503
    assert visitor.get(back).status_code == 400, "the state is used up"


def test_silent_provider_takes_no_more_than_half_of_the_threads(
    app: Flask, linked: People, provider: Provider, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events come in by the same threads, and those who send them have nothing to do with the provider."""
    monkeypatch.setattr(openid_client, "TIMEOUT_S", 60.0)
    configure(app, monkeypatch, provider, web_threads=4)
    visitors = [linked.anybody() for _ in range(3)]
    backs = [at_provider(visitor.get("/sign-in/openid").location) for visitor in visitors]
    provider.wrong = Misbehaviour(holds=Event())
    assert provider.wrong.holds is not None
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(visitors[index].get, backs[index]) for index in range(2)]
        try:
            while [(method, path) for method, path, _ in provider.seen].count(("POST", "/token")) < 2:
                assert not any(one.done() for one in waiting)
            refused = page.read(pool.submit(visitors[2].get, backs[2]).result(timeout=30))
            assert not any(one.done() for one in waiting)
        finally:
            provider.wrong.holds.set()

    assert refused.status == 503
    assert [one.result().status_code for one in waiting] == [303, 303]


def test_silent_description_takes_no_more_than_half_of_the_threads(
    app: Flask, people: People, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openid_client, "TIMEOUT_S", 60.0)
    configure(app, monkeypatch, provider, web_threads=2)
    provider.wrong = Misbehaviour(holds_discovery=Event())
    assert provider.wrong.holds_discovery is not None
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(people.anybody().get, "/sign-in/openid")
        try:
            while not provider.seen:
                assert not waiting.done()
            refused = pool.submit(people.anybody().get, "/sign-in/openid").result(timeout=30)
            assert not waiting.done()
        finally:
            provider.wrong.holds_discovery.set()

    assert (refused.status_code, waiting.result().status_code) == (503, 303)


DESCRIPTIONS: dict[str, Misbehaviour] = {
    "another issuer": Misbehaviour(discovery={"issuer": "https://evil.example"}),
    "no token endpoint": Misbehaviour(discovery={"token_endpoint": None}),
    "a file": Misbehaviour(discovery={"jwks_uri": "file:///etc/passwd"}),
    "no signature that counts": Misbehaviour(
        discovery={"id_token_signing_alg_values_supported": ["none", "HS256"]}
    ),
    "a redirect": Misbehaviour(redirects_to="http://127.0.0.1:1/elsewhere"),
}


@pytest.mark.parametrize("wrong", DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_description_that_cannot_be_trusted_is_not_used(
    app: Flask, people: People, provider: Provider, page: Page, wrong: Misbehaviour
) -> None:
    provider.wrong = wrong

    answer = page.read(people.anybody().get("/sign-in/openid"))

    assert answer.status == 503
    assert answer.has_text("sign in with your password")


def test_provider_that_is_down_is_asked_once_for_many(
    app: Flask, people: People, provider: Provider, page: Page
) -> None:
    provider.wrong = Misbehaviour(discovery={"issuer": "https://evil.example"})

    for _ in range(3):
        assert people.anybody().get("/sign-in/openid").status_code == 503

    assert len(provider.seen) == 1


def test_private_address_is_refused_unless_allowed(
    app: Flask, people: People, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(app, monkeypatch, provider, outbound_allowed_networks="")

    assert people.anybody().get("/sign-in/openid").status_code == 503
    assert provider.seen == []


def test_description_is_read_once_an_hour(
    app: Flask, linked: People, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(linked.anybody())
    sign_in(linked.anybody())
    read = [path for _, path, _ in provider.seen]
    assert read.count("/.well-known/openid-configuration") == 1
    assert read.count("/keys") == 1

    monkeypatch.setattr(openid_client, "METADATA_VALID_S", -1)
    sign_in(linked.anybody())

    assert [path for _, path, _ in provider.seen].count("/keys") > 1


def test_all_requests_of_the_server_share_a_connection(linked: People, provider: Provider) -> None:
    for _ in range(3):
        visitor = linked.anybody()
        location = visitor.get("/sign-in/openid").location
        before_browser = provider.connection_count
        back = at_provider(location)
        provider.connection_count = before_browser
        assert visitor.get(back).status_code == 303

    assert [path for _, path, _ in provider.seen].count("/token") == 3
    assert provider.connection_count == 1


def test_address_from_user_info_where_the_token_has_none(
    app: Flask, people: People, provider: Provider, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(app, monkeypatch, provider, openid_sign_up=True)
    provider.person = dict(NEWCOMER)
    provider.wrong = Misbehaviour(claims={"email": None, "email_verified": None, "name": None})
    visitor = people.anybody()

    assert sign_in(visitor).status_code == 303
    assert page.get("/account", visitor).has_text("nora@example.com")


def test_user_info_about_somebody_else_is_ignored(
    app: Flask, people: People, provider: Provider, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(app, monkeypatch, provider, openid_sign_up=True)
    provider.person = dict(NEWCOMER)
    provider.wrong = Misbehaviour(claims={"email": None, "sub": "mallory"})

    assert sign_in(people.anybody()).status_code == 403


@pytest.mark.parametrize("state", ["", "made-up", "%00"])
def test_unknown_state_is_refused(people: People, provider: Provider, page: Page, state: str) -> None:
    answer = page.read(people.anybody().get(f"/sign-in/openid/callback?state={state}&code=x"))

    assert answer.status == 400
    assert answer.has_text("This sign-in is over")


def test_state_works_once(linked: People, provider: Provider, visitor: Visitor) -> None:
    back = at_provider(visitor.get("/sign-in/openid").location)
    assert visitor.get(back).status_code == 303
    visitor.post("/sign-out")

    assert visitor.get(back).status_code == 400
    assert visitor.get("/account").status_code == 303


@pytest.mark.postgresql
def test_of_several_who_use_one_state_one_passes(app: Flask, linked: People, provider: Provider) -> None:
    visitor = linked.anybody()
    back = at_provider(visitor.get("/sign-in/openid").location)
    cookie = visitor.client.get_cookie("signalbox_session")
    assert cookie is not None
    clients = [app.test_client() for _ in range(4)]
    for client in clients:
        client.set_cookie("signalbox_session", cookie.value)
    barrier = Barrier(len(clients))

    def send(number: int) -> int:
        barrier.wait()
        return clients[number].get(back).status_code

    with ThreadPoolExecutor(len(clients)) as pool:
        statuses = list(pool.map(send, range(len(clients))))

    assert sorted(statuses) == [303, 400, 400, 400]


def test_answer_in_another_browser_signs_nobody_in(linked: People, provider: Provider) -> None:
    """Else a link would sign people in to the account of whoever sent it to them."""
    back = at_provider(linked.anybody().get("/sign-in/openid").location)
    victim = linked.anybody()
    victim.get("/sign-in/openid")

    assert victim.get(back).status_code == 400
    assert victim.get("/account").status_code == 303


def test_link_is_for_the_user_who_began_it(app: Flask, people: People, provider: Provider) -> None:
    asked = people.alice.post("/account/openid", {"current_password": PASSWORD})
    back = at_provider(asked.headers["Refresh"].partition("url=")[2])
    browser = people.alice.visitor
    with browser.client.session_transaction() as session:
        kept = session["oauth_browser"]
    browser.post("/sign-out")
    browser.sign_in("bob@example.com")
    with browser.client.session_transaction() as session:
        session["oauth_browser"] = kept

    assert browser.get(back).status_code == 403
    assert stored(app)[1] == 0


def test_identity_signs_in_one_account_only(linked: People, provider: Provider, page: Page) -> None:
    refused = page.read(link(linked.bob))

    assert refused.status == 409
    assert refused.has_text("signs in somebody else here already")
    assert link(linked.alice).status_code == 303, "again is no error"


def test_unlinking_needs_the_password_and_works_at_once(
    app: Flask, linked: People, provider: Provider, page: Page
) -> None:
    with app.app_context():
        account_id = db.session.scalar(select(OpenIdAccount.id))
        db.session.remove()
    path = f"/account/openid/{account_id}/unlink"
    assert page.get(path, linked.alice).has_text("Unlink alice@example.com?")
    wrong = page.read(linked.alice.post(path, {"current_password": "wrong one"}))
    assert linked.bob.get(path).status_code == 404
    assert linked.bob.post(path, {"current_password": PASSWORD}).status_code == 404

    answer = linked.alice.post(path, {"current_password": PASSWORD})

    assert "not your password" in wrong.error_of("current_password")
    assert answer.location == "/account/openid"
    assert sign_in(linked.anybody()).status_code == 409


def test_unlinking_twice_is_unlinking_once(
    app: Flask, linked: People, provider: Provider, page: Page
) -> None:
    with app.app_context():
        account_id = db.session.scalar(select(OpenIdAccount.id))
        db.session.remove()
    path = f"/account/openid/{account_id}/unlink"
    hidden = hidden_fields(page, path, path, linked.alice)

    first, second = (send(linked.alice, path, {"current_password": PASSWORD}, hidden) for _ in range(2))

    assert (first.status_code, second.status_code) == (303, 303)
    assert second.location == first.location


def test_who_has_no_password_cannot_unlink(
    app: Flask, linked: People, provider: Provider, page: Page
) -> None:
    linked.alice.get("/account")
    with app.app_context():
        db.session.get_one(User, linked.alice.id).password_hash = ""
        account_id = db.session.scalar(select(OpenIdAccount.id))
        db.session.commit()
    path = f"/account/openid/{account_id}/unlink"

    assert page.get(path, linked.alice).has_text("you could not sign in")
    assert linked.alice.post(path, {"current_password": ""}).status_code == 422
    assert linked.alice.post(path, {"current_password": PASSWORD}).status_code == 422
    assert sign_in(linked.anybody()).status_code == 303


def test_without_redis_the_page_says_so(
    app: Flask, people: People, provider: Provider, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots.put(monkeypatch, app, REDIS, Redis.from_url("redis://127.0.0.1:1/0"))

    answer = page.read(people.anybody().get("/sign-in/openid"))

    assert answer.status == 503
    assert answer.has_text("Redis does not answer")


def test_nothing_is_offered_where_no_provider_is_configured(people: People, page: Page) -> None:
    assert not page.get("/sign-in").has_text("company account")
    assert not page.get("/account", people.alice).has_text("company account")
    for path in ("/sign-in/openid", "/sign-in/openid/callback?state=x", "/account/openid"):
        assert people.alice.get(path).status_code == 404, path


def test_audit_trail_records_links(app: Flask, people: People, provider: Provider) -> None:
    assert link(people.alice).location == "/account/openid"
    sign_in(people.anybody())
    with app.app_context():
        account_id = db.session.scalar(select(OpenIdAccount.id))
        db.session.remove()
    people.alice.post(f"/account/openid/{account_id}/unlink", {"current_password": PASSWORD})

    with app.app_context():
        told = db.session.execute(select(AuditEntry.action, AuditEntry.detail).order_by(AuditEntry.id)).all()
        teams = db.session.scalar(select(func.count()).where(Membership.user_id == people.alice.id))
        db.session.remove()
    assert teams == 1
    assert [tuple(entry) for entry in told] == [
        ("user.signed_in", "Signed in with the password."),
        ("user.openid_linked", "alice@example.com"),
        ("user.signed_in", "Signed in at the OpenID provider."),
        ("user.openid_unlinked", "alice@example.com"),
    ]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"openid_client_id": "x"}, "OPENID_ISSUER must be set"),
        ({"openid_sign_up": True}, "OPENID_ISSUER must be set"),
        (
            {"openid_issuer": "https://login.example.com"},
            "OPENID_CLIENT_ID and OPENID_CLIENT_SECRET must be set",
        ),
        ({"openid_issuer": "http://login.example.com"}, "must start with https://"),
        ({"openid_issuer": "login.example.com"}, "must be the address"),
        ({"openid_issuer": "https://u:p@login.example.com"}, "must be the address"),
        (
            {"openid_issuer": "https://login.example.com", "openid_allowed_domains": "a b"},
            "'a b' is not a domain",
        ),
    ],
)
def test_wrong_configuration_does_not_start(values: dict[str, Any], problem: str) -> None:
    complete = {"openid_client_id": "id", "openid_client_secret": "secret"}
    given = (complete if "must be set" not in problem and values.get("openid_issuer") else {}) | values

    with pytest.raises(ConfigError, match=problem):
        load_settings(
            app_env="test",
            secret_key="k" * 3 + "abcdefghijklmnopqrstuvwxyz012345",
            encryption_key="abcdefghijklmnopqrstuvwxyz012345xyz",
            **given,
        )


def test_domains_are_read_as_people_write_them() -> None:
    settings = load_settings(
        app_env="test",
        secret_key="abcdefghijklmnopqrstuvwxyz012345xyz",
        encryption_key="abcdefghijklmnopqrstuvwxyz012345xyz",
        openid_issuer="https://login.example.com",
        openid_client_id="id",
        openid_client_secret="secret",
        openid_allowed_domains=" @Example.com, corp.example ,",
    )

    assert settings.openid_allowed_domains == ("example.com", "corp.example")
