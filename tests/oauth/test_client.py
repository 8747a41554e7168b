"""The OAuth client against Authlib's own authorization server, well-behaved and not."""

import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from app.lib import clock
from app.lib.outbound import Client
from app.oauth.client import OAuthClient
from app.oauth.contract import (
    Authorization,
    ClientRefused,
    GrantRefused,
    OAuthError,
    ProviderUnavailable,
    Registration,
    RequestRefused,
    WrongIssuer,
    check_issuer,
    error_of,
)
from app.oauth.tokens import TokenSet
from tests.lib.outbound.conftest import LOOPBACK
from tests.oauth.authorization_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT_URI,
    Authority,
    authority_running,
)
from tests.webhooks.dispatch.receivers import Receiver, always


@pytest.fixture(scope="module")
def running() -> Iterator[Authority]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        with authority_running() as authority:
            yield authority


@pytest.fixture
def authority(running: Authority) -> Authority:
    running.codes.clear()
    running.tokens.clear()
    running.seen.clear()
    running.instead = None
    return running


@pytest.fixture
def service() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def outbound() -> Iterator[Client]:
    with Client(LOOPBACK) as client:
        yield client


@pytest.fixture
def registration(authority: Authority) -> Registration:
    return Registration(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        authorization_url=f"{authority.url}/authorize?audience=api",
        token_url=f"{authority.url}/token",
        revocation_url=f"{authority.url}/revoke",
        scope="read write",
    )


@pytest.fixture
def client(registration: Registration, outbound: Client) -> OAuthClient:
    return OAuthClient(registration, outbound, key="team_a")


def agree(authorization: Authorization) -> dict[str, str]:
    """Open the authorization endpoint as the user's browser does; return the parameters of the redirect."""
    answer = requests.get(authorization.url, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def connect(client: OAuthClient) -> TokenSet:
    authorization = client.begin(REDIRECT_URI)
    code = agree(authorization)["code"]
    return client.exchange(code=code, redirect_uri=REDIRECT_URI, verifier=authorization.verifier)


def test_code_is_exchanged_for_tokens(client: OAuthClient, authority: Authority) -> None:
    before = clock.now()
    tokens = connect(client)

    assert authority.by_access_token(tokens.access_token) is not None
    assert (tokens.token_type, tokens.scope) == ("Bearer", "read write")
    assert tokens.refresh_token
    assert tokens.expires_at is not None
    assert (
        datetime.timedelta(0)
        <= tokens.expires_at - before - datetime.timedelta(hours=1)
        < datetime.timedelta(minutes=5)
    )


def test_authorization_carries_state_challenge_and_the_providers_own_parameters(client: OAuthClient) -> None:
    authorization = client.begin(REDIRECT_URI, nonce="once", parameters={"prompt": "consent"})

    query = {name: values[0] for name, values in parse_qs(urlsplit(authorization.url).query).items()}
    assert query.pop("code_challenge") != authorization.verifier
    assert query == {
        "audience": "api",
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": "read write",
        "state": authorization.state,
        "nonce": "once",
        "prompt": "consent",
        "code_challenge_method": "S256",
    }
    assert client.begin(REDIRECT_URI).state != authorization.state
    for secret in (authorization.state, authorization.verifier):
        assert secret not in repr(dataclasses.replace(authorization, url=""))


def test_stolen_code_is_worth_nothing_without_the_verifier(client: OAuthClient) -> None:
    code = agree(client.begin(REDIRECT_URI))["code"]

    with pytest.raises(GrantRefused):
        client.exchange(code=code, redirect_uri=REDIRECT_URI, verifier=client.begin(REDIRECT_URI).verifier)


def test_code_works_once(client: OAuthClient) -> None:
    authorization = client.begin(REDIRECT_URI)
    code = agree(authorization)["code"]
    client.exchange(code=code, redirect_uri=REDIRECT_URI, verifier=authorization.verifier)

    with pytest.raises(GrantRefused) as refused:
        client.exchange(code=code, redirect_uri=REDIRECT_URI, verifier=authorization.verifier)
    assert refused.value.code == "invalid_grant"


def test_without_pkce_there_is_no_challenge(registration: Registration, outbound: Client) -> None:
    client = OAuthClient(dataclasses.replace(registration, uses_pkce=False), outbound, key="team_a")

    authorization = client.begin(REDIRECT_URI)

    assert "code_challenge" not in authorization.url
    assert authorization.verifier == ""


def test_the_challenges_method_is_spelled_as_the_provider_does(
    registration: Registration, outbound: Client
) -> None:
    client = OAuthClient(dataclasses.replace(registration, challenge_method="s256"), outbound, key="team_a")
    query = parse_qs(urlsplit(client.begin(REDIRECT_URI).url).query)
    assert query["code_challenge_method"] == ["s256"]
    assert len(query["code_challenge"][0]) == 43


def test_the_providers_own_parameters_go_along(
    registration: Registration, outbound: Client, authority: Authority
) -> None:
    more = dataclasses.replace(
        registration, token_parameters={"expiring": 1}, refresh_parameters={"for": "refreshes"}
    )
    client = OAuthClient(more, outbound, key="team_a")
    tokens = connect(client)
    assert authority.seen[-1][1]["expiring"] == "1"
    client.refresh(tokens)
    assert authority.seen[-1][1].keys() == {"grant_type", "refresh_token", "for"}


def test_refreshes_go_where_the_provider_wants_them(
    registration: Registration, outbound: Client, authority: Authority
) -> None:
    elsewhere = dataclasses.replace(
        registration, token_url="http://127.0.0.1:1/", refresh_url=f"{authority.url}/token"
    )
    authority.instead = (200, b'{"access_token": "new"}', 0)
    tokens = OAuthClient(elsewhere, outbound, key="team_a").refresh(TokenSet("at", "Bearer", "rt"))
    assert (tokens.access_token, tokens.refresh_token) == ("new", "rt")


def test_a_provider_that_wants_json_gets_it(
    registration: Registration, outbound: Client, service: Receiver
) -> None:
    service.behaviour = always(200, body=b'{"access_token": "new"}')
    speaking = dataclasses.replace(registration, token_url=service.url, sends_json=True)
    OAuthClient(speaking, outbound, key="team_a").exchange(code="c", redirect_uri=REDIRECT_URI, verifier="v")
    (received,) = service.received
    assert received.headers["content-type"].startswith("application/json")
    assert received.headers["authorization"].startswith("Basic ")
    assert json.loads(received.body) == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": REDIRECT_URI,
        "code_verifier": "v",
    }


@pytest.mark.parametrize(
    ("client_auth", "more"),
    [
        ("client_secret_post", {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}),
        ("none", {"client_id": CLIENT_ID}),
    ],
)
def test_in_json_the_secret_is_a_member(
    registration: Registration,
    outbound: Client,
    service: Receiver,
    client_auth: Any,
    more: dict[str, str],
) -> None:
    service.behaviour = always(200, body=b'{"access_token": "new"}')
    speaking = dataclasses.replace(
        registration, token_url=service.url, sends_json=True, client_auth=client_auth
    )
    OAuthClient(speaking, outbound, key="team_a").refresh(TokenSet("at", "Bearer", "rt"))
    (received,) = service.received
    assert json.loads(received.body) == {"grant_type": "refresh_token", "refresh_token": "rt", **more}
    assert "authorization" not in received.headers


def test_answers_are_read_as_the_provider_means_them(
    registration: Registration, outbound: Client, authority: Authority
) -> None:
    def read(answer: Mapping[str, Any]) -> Mapping[str, Any]:
        if not answer["ok"]:
            raise error_of("invalid_grant", "it says so in its own way")
        return answer["inside"]

    client = OAuthClient(dataclasses.replace(registration, read_answer=read), outbound, key="team_a")
    authority.instead = (200, b'{"ok": true, "inside": {"access_token": "x"}}', 0)
    assert client.refresh(TokenSet("at", "Bearer", "rt")).access_token == "x"
    for status, kind in ((200, GrantRefused), (400, GrantRefused), (503, ProviderUnavailable)):
        authority.instead = (status, b'{"ok": false}', 0)
        with pytest.raises(kind):
            client.refresh(TokenSet("at", "Bearer", "rt"))


def test_a_life_that_the_answer_leaves_out_is_the_providers_usual_one(
    registration: Registration, outbound: Client, authority: Authority
) -> None:
    client = OAuthClient(dataclasses.replace(registration, lifetime_s=1800), outbound, key="team_a")
    for answer in (b'{"access_token": "x"}', b'{"access_token": "x", "expires_in": 0}'):
        authority.instead = (200, answer, 0)
        tokens = client.refresh(TokenSet("at", "Bearer", "rt"))
        assert tokens.expires_at
        assert tokens.expires_at > clock.now() + datetime.timedelta(minutes=25)


def test_no_refresh_is_sent_again_by_itself(
    registration: Registration, outbound: Client, authority: Authority
) -> None:
    """Libcurl repeats a request on a kept connection that turns out to be dead: a token that works once would be used
    twice.
    """
    client = OAuthClient(registration, outbound, key="team_a", sends_once=True)
    client.refresh(connect(client))
    assert outbound.idle_count == 0


def test_refresh_gives_new_tokens_and_the_old_ones_are_refused(
    client: OAuthClient, authority: Authority
) -> None:
    first = connect(client)
    second = client.refresh(first)

    assert second.refresh_token not in (None, first.refresh_token)
    assert authority.by_access_token(second.access_token) is not None
    assert authority.seen[-1][1].keys() == {"grant_type", "refresh_token"}, "no scope"
    with pytest.raises(GrantRefused):
        client.refresh(first)


def test_refresh_keeps_what_the_answer_leaves_out(client: OAuthClient, authority: Authority) -> None:
    first = dataclasses.replace(connect(client), extras={"instance_url": "https://eu.example"})
    authority.instead = (200, b'{"access_token": "new", "token_type": "bearer"}', 0)

    second = client.refresh(first)

    assert (second.access_token, second.refresh_token) == ("new", first.refresh_token)
    assert (second.scope, dict(second.extras)) == (first.scope, {"instance_url": "https://eu.example"})
    assert second.expires_at is None, "unknown is not what it was before"


def test_without_a_refresh_token_nothing_is_asked(client: OAuthClient, authority: Authority) -> None:
    with pytest.raises(GrantRefused):
        client.refresh(TokenSet("at", "Bearer"))
    assert authority.seen == []


def test_wrong_secret_is_the_registrations_fault(
    registration: Registration, outbound: Client, client: OAuthClient
) -> None:
    tokens = connect(client)
    wrong = OAuthClient(dataclasses.replace(registration, client_secret="wrong"), outbound, key="team_a")

    with pytest.raises(ClientRefused):
        wrong.refresh(tokens)
    with pytest.raises(ClientRefused):
        wrong.revoke(tokens)
    assert client.refresh(tokens).access_token, "the grant is not hurt"


def test_secret_goes_into_the_form_where_the_provider_wants_it(
    registration: Registration, outbound: Client, authority: Authority
) -> None:
    posting = dataclasses.replace(registration, client_auth="client_secret_post")

    connect(OAuthClient(posting, outbound, key="team_a"))

    assert authority.seen[-1][1]["client_secret"] == CLIENT_SECRET


WRONG_ANSWERS: dict[str, tuple[int, bytes, type[OAuthError]]] = {
    "400 without error": (400, b'{"message": "no"}', RequestRefused),
    "400 that looks like a token": (400, b'{"access_token": "x"}', RequestRefused),
    "403 with a number for an error": (403, b'{"error": 7}', RequestRefused),
    "200 with error": (200, b'{"error": "bad_verification_code"}', RequestRefused),
    "200 without token": (200, b'{"token_type": "bearer"}', RequestRefused),
    "200 with a token of another type": (
        200,
        b'{"access_token": "x", "token_type": "mac"}',
        RequestRefused,
    ),
    "200 with an empty token": (200, b'{"access_token": ""}', RequestRefused),
    "200 with ok false": (200, b'{"ok": false, "error": "invalid_grant"}', GrantRefused),
    "429 without error": (429, b'{"message": "slow down"}', ProviderUnavailable),
    "429 with a grant error": (429, b'{"error": "invalid_grant"}', ProviderUnavailable),
    "408": (408, b"{}", ProviderUnavailable),
    "500 with a grant error": (500, b'{"error": "invalid_grant"}', ProviderUnavailable),
    "503 page": (503, b"<html>", ProviderUnavailable),
    "404 page": (404, b"<html>", ProviderUnavailable),
    "200 page": (200, b"<html>", ProviderUnavailable),
    "list": (200, b"[]", ProviderUnavailable),
    "deep": (200, b"[" * 200_000, ProviderUnavailable),
    "no text": (200, b"\xff\xfe\xff", ProviderUnavailable),
    "too much": (200, b'{"access_token": "' + b"x" * 300_000 + b'"}', ProviderUnavailable),
    "redirect": (307, b"{}", ProviderUnavailable),
    "says so": (400, b'{"error": "temporarily_unavailable"}', ProviderUnavailable),
    "unauthorized": (400, b'{"error": "unauthorized_client"}', ClientRefused),
    "other": (400, b'{"error": "invalid_scope", "error_description": "unknown"}', RequestRefused),
}


@pytest.mark.parametrize(("status", "body", "kind"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_what_is_no_token_never_becomes_one(
    client: OAuthClient, authority: Authority, status: int, body: bytes, kind: type[OAuthError]
) -> None:
    authority.instead = (status, body, 0)

    with pytest.raises(OAuthError) as exchanged:
        client.exchange(code="x", redirect_uri=REDIRECT_URI, verifier="y")
    with pytest.raises(OAuthError) as refreshed:
        client.refresh(TokenSet("at", "Bearer", "rt"))

    assert (type(exchanged.value), type(refreshed.value)) == (kind, kind)


def test_slow_provider_is_given_up(
    registration: Registration, outbound: Client, authority: Authority
) -> None:
    client = OAuthClient(registration, outbound, key="team_a", timeout_s=0.3)
    authority.instead = (200, b"{}", 2)

    with pytest.raises(ProviderUnavailable):
        client.refresh(TokenSet("at", "Bearer", "rt"))


def test_provider_that_is_down_is_unavailable(registration: Registration, outbound: Client) -> None:
    down = dataclasses.replace(
        registration, token_url="http://127.0.0.1:1/", revocation_url="http://127.0.0.1:1/"
    )
    client = OAuthClient(down, outbound, key="team_a")

    with pytest.raises(ProviderUnavailable):
        client.refresh(TokenSet("at", "Bearer", "rt"))
    with pytest.raises(ProviderUnavailable):
        client.revoke(TokenSet("at", "Bearer", "rt"))


def test_provider_inside_the_network_is_not_asked(registration: Registration, authority: Authority) -> None:
    with Client() as nothing_allowed, pytest.raises(ProviderUnavailable, match="address_refused"):
        OAuthClient(registration, nothing_allowed, key="team_a").refresh(TokenSet("at", "Bearer", "rt"))
    assert authority.seen == []


def test_revoked_tokens_are_dead(client: OAuthClient, authority: Authority) -> None:
    tokens = connect(client)

    assert client.revoke(tokens)

    assert [form["token_type_hint"] for path, form in authority.seen if path == "/revoke"] == [
        "refresh_token",
        "access_token",
    ]
    assert authority.by_access_token(tokens.access_token) is None
    with pytest.raises(GrantRefused):
        client.refresh(tokens)
    assert client.revoke(tokens), "again is no error"


def test_where_tokens_cannot_be_revoked_it_is_said(registration: Registration, outbound: Client) -> None:
    client = OAuthClient(dataclasses.replace(registration, revocation_url=None), outbound, key="team_a")

    assert not client.revoke(TokenSet("at", "Bearer", "rt"))


def test_revocation_that_failed_is_not_taken_for_done(client: OAuthClient, authority: Authority) -> None:
    authority.instead = (503, b"{}", 0)
    with pytest.raises(ProviderUnavailable):
        client.revoke(TokenSet("at", "Bearer", "rt"))


def test_issuer_in_the_answer_is_checked(client: OAuthClient, authority: Authority) -> None:
    iss = agree(client.begin(REDIRECT_URI))["iss"]

    check_issuer(iss, authority.url, is_promised=True)
    check_issuer(None, authority.url, is_promised=False)
    with pytest.raises(WrongIssuer):
        check_issuer(iss, "https://other.example", is_promised=False)
    with pytest.raises(WrongIssuer):
        check_issuer(None, authority.url, is_promised=True)


def test_registrations_hide_their_secret(registration: Registration) -> None:
    assert CLIENT_SECRET not in repr(registration)
