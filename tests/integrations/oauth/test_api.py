"""`/api/v1/integrations/<id>/oauth`: programs begin, a person consents, and either finishes."""

import pytest

from tests.api_client import Api
from tests.integrations.oauth.conftest import CALLBACK, Connecting, query_of


@pytest.fixture
def base(connecting: Connecting) -> str:
    return f"/integrations/{connecting.integration_id}/oauth"


def initiated(connecting: Connecting, api: Api, base: str) -> dict[str, str]:
    """Begin with the key and consent; return what the provider added to the redirect address."""
    begun = api("POST", f"{base}/initiate")
    assert begun.status_code == 200, begun.get_data(as_text=True)
    answer = begun.get_json()
    assert answer["redirect_uri"].endswith(CALLBACK)
    assert query_of(answer["authorization_url"])["state"] == answer["state"]
    return query_of(connecting.consent(answer["authorization_url"]))


def test_a_program_connects_refreshes_and_revokes(connecting: Connecting, api: Api, base: str) -> None:
    back = initiated(connecting, api, base)
    answer = api("POST", f"{base}/callback", back)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.get_json()["connection"]["state"] == "connected"
    assert connecting.tokens().access_token not in answer.get_data(as_text=True)
    assert connecting.call().result.status_code == 200

    before = connecting.connection().token_version
    answer = api("POST", f"{base}/refresh")
    assert (answer.status_code, answer.get_json()["state"]) == (200, "connected")
    assert connecting.connection().token_version == before + 1

    answer = api("POST", f"{base}/revoke")
    assert answer.get_json() == {
        "is_revoked": True,
        "at_provider": "Custom OAuth 2.0 ended the grant.",
        "here": "The tokens were deleted here.",
    }
    assert connecting.row() is None
    assert api("POST", f"{base}/revoke").status_code == 404
    assert api("POST", f"{base}/refresh").status_code == 404


def test_what_a_program_began_a_member_finishes_in_any_browser(
    connecting: Connecting, api: Api, base: str
) -> None:
    answer = api("POST", f"{base}/initiate").get_json()
    back = connecting.consent(answer["authorization_url"])
    assert connecting.people.bob.new_visitor().get(back).status_code == 303
    assert connecting.connection().connected_by_id == connecting.people.bob.id


def test_what_a_program_began_no_stranger_finishes(connecting: Connecting, api: Api, base: str) -> None:
    for stranger in (connecting.people.charlie.visitor, connecting.people.mel.visitor):
        answer = api("POST", f"{base}/initiate").get_json()
        back = connecting.consent(answer["authorization_url"])
        assert stranger.get(back).status_code == 403
    assert connecting.row() is None
    assert connecting.authority.seen == []


def test_another_key_and_another_team_finish_nothing(
    connecting: Connecting, api: Api, other_api: Api, base: str
) -> None:
    second = Api(connecting.app, connecting.team_id, connecting.people.alice.id, ["admin:full"])
    back = initiated(connecting, api, base)
    assert second("POST", f"{base}/callback", back).status_code == 403
    assert api("POST", f"{base}/callback", back).status_code == 409, "its state is used"
    back = initiated(connecting, api, base)
    assert other_api("POST", f"{base}/callback", back).status_code == 404
    assert connecting.row() is None


def test_a_state_belongs_to_its_integration(connecting: Connecting, api: Api, base: str) -> None:
    back = initiated(connecting, api, base)
    other = f"/integrations/{connecting.add()}/oauth/callback"
    assert api("POST", other, back).status_code == 422
    assert connecting.authority.seen == []


def test_what_a_browser_began_no_program_finishes(connecting: Connecting, api: Api, base: str) -> None:
    back = query_of(connecting.consent(connecting.begin()))
    answer = api("POST", f"{base}/callback", back)
    assert answer.status_code == 409
    assert connecting.row() is None


def test_a_wrong_issuer_is_refused(connecting: Connecting, api: Api, base: str) -> None:
    back = {**initiated(connecting, api, base), "iss": "https://evil.example"}
    answer = api("POST", f"{base}/callback", back)
    assert answer.status_code == 409
    assert "another server" in answer.get_json()["detail"]


def test_reading_keys_connect_nothing(connecting: Connecting, base: str) -> None:
    reader = Api(
        connecting.app,
        connecting.team_id,
        connecting.people.alice.id,
        ["integrations:read", "integrations:call"],
    )
    for route in ("initiate", "refresh", "revoke"):
        assert reader("POST", f"{base}/{route}").status_code == 403


def test_an_integration_without_oauth_is_not_connected(connecting: Connecting, api: Api) -> None:
    made = api(
        "POST",
        "/integrations",
        {"provider": "github", "name": "Code", "auth_method": "token", "credentials": {"token": "x"}},
    ).get_json()
    answer = api("POST", f"/integrations/{made['id']}/oauth/initiate")
    assert answer.status_code == 409
    assert "not connected by OAuth" in answer.get_json()["detail"]
