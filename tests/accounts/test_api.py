"""Team, members, invitations and "who am I" over the API: what an admin may, and nothing of an owner."""

import pytest
from sqlalchemy import select

from app.accounts.models import Invitation, Membership
from app.extensions import db
from tests.api_client import Api, messages
from tests.api_keys import keys
from tests.people import People


def test_every_key_learns_who_it_is(people: People) -> None:
    api = Api(people.app, people.acme.id, people.alice.id, ["tickets:read"])

    me = api("GET", "/me").get_json()

    assert (me["name"], me["mode"], me["scopes"], me["networks"]) == ("tests", "live", ["tickets:read"], [])
    assert me["permissions"] == ["tickets:read"]
    assert me["team"] == {
        "id": people.acme.id,
        "slug": "acme",
        "name": "Acme",
        "tier": "free",
    }
    assert me["limits"].keys() == {"key_per_hour", "key_per_day", "team_per_hour"}


def test_team_is_renamed(api: Api) -> None:
    assert api("PATCH", "/team", {"name": " Acme  Logistics "}).get_json()["name"] == "Acme Logistics"
    assert api("GET", "/team").get_json()["slug"] == "acme"
    assert messages(api("PATCH", "/team", {"name": ""})).keys() == {"name"}


def test_members_are_paged(people: People, api: Api) -> None:
    first = api("GET", "/members?limit=3").get_json()
    second = api("GET", f"/members?limit=3&cursor={first['next_cursor']}").get_json()

    shown = {row["name"]: row["role"] for row in first["data"] + second["data"]}
    assert shown == {"Alice": "owner", "Bob": "admin", "Mel": "member", "Vic": "viewer"}
    assert second["next_cursor"] is None


def test_role_is_changed_and_member_removed(people: People, api: Api) -> None:
    path = f"/members/{people.mel.id}"

    assert api("PATCH", path, {"role": "viewer"}).get_json()["role"] == "viewer"
    assert api("DELETE", path).status_code == 204
    assert api("GET", path).status_code == 404
    assert people.mel.get("/t/acme/").status_code == 404


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"role": "viewer"}), ("DELETE", None)])
def test_key_cannot_touch_owners(people: People, api: Api, method: str, body: dict[str, str] | None) -> None:
    assert api(method, f"/members/{people.alice.id}", body).status_code == 403
    with people.app.app_context():
        role = db.session.scalars(select(Membership.role).where(Membership.user_id == people.alice.id)).one()
    assert role == "owner"


def test_key_cannot_make_owners(people: People, api: Api) -> None:
    assert api("PATCH", f"/members/{people.bob.id}", {"role": "owner"}).status_code == 422
    assert api("POST", "/invitations", {"role": "owner"}).status_code == 422


def test_invitation_lives_from_link_to_revocation(people: People, api: Api) -> None:
    created = api("POST", "/invitations", {"role": "viewer"}).get_json()
    path = f"/invitations/{created['id']}"

    link = created["url"].removeprefix(people.app.config["SETTINGS"].public_url)
    assert people.anybody().get(link).status_code == 200
    assert (created["state"], created["invited_by"], created["is_mailed"]) == ("open", None, None)
    assert "url" not in api("GET", path).get_json()
    assert api("DELETE", path).status_code == 204
    assert api("GET", path).get_json()["state"] == "revoked"
    assert people.anybody().get(link).status_code == 409
    with people.app.app_context():
        assert db.session.scalars(select(Invitation.token_digest)).one() not in created["url"]


def test_other_teams_see_nothing_of_it(people: People, api: Api, other_api: Api) -> None:
    invitation = api("POST", "/invitations", {}).get_json()

    assert other_api("GET", f"/members/{people.mel.id}").status_code == 404
    assert other_api("DELETE", f"/members/{people.mel.id}").status_code == 404
    assert other_api("DELETE", f"/invitations/{invitation['id']}").status_code == 404
    assert other_api("GET", "/invitations").get_json()["data"] == []


def test_statistics_add_up(people: People, api: Api) -> None:
    api.new_webhook()
    api.emit()

    statistics = api("GET", "/statistics").get_json()

    assert len(statistics["hours"]) == 24
    assert statistics["pending_deliveries"] == 1
    assert statistics["totals"]["success_percent"] is None


def test_event_types_are_paged(api: Api) -> None:
    api("POST", "/event-types", {"name": "order.shipped"})
    everything = [row["name"] for row in api("GET", "/event-types").get_json()["data"]]
    found: list[str] = []
    page = "/event-types?limit=7"
    while page:
        answer = api("GET", page).get_json()
        found += [row["name"] for row in answer["data"]]
        page = f"/event-types?limit=7&cursor={answer['next_cursor']}" if answer["next_cursor"] else ""

    assert found == everything
    assert found[-1] == "order.shipped"


def test_test_keys_say_so(people: People) -> None:
    token = keys.new_key(people.app, people.acme.id, "events:read", is_test=True)

    answer = people.app.test_client().get("/api/v1/me", headers={"X-API-Key": token})

    assert answer.get_json()["mode"] == "test"
