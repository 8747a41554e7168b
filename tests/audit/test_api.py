"""`/api/v1/audit-entries`."""

from tests.api_client import WEBHOOK, Api, messages
from tests.audit.conftest import Trail
from tests.people import People


def test_entries_are_listed_in_pages(api: Api, trail: Trail, other_trail: Trail) -> None:
    ids = trail.add_entries(5)
    other_trail.add_entries(1)

    first = api("GET", "/audit-entries?object_type=webhook&limit=3").get_json()
    second = api(
        "GET", f"/audit-entries?object_type=webhook&limit=3&cursor={first['next_cursor']}"
    ).get_json()

    assert [row["id"] for row in first["data"] + second["data"]] == list(reversed(ids))
    assert second["next_cursor"] is None


def test_entry_says_who_did_what(api: Api, trail: Trail) -> None:
    webhook = api.new_webhook()
    entry = api("GET", "/audit-entries?action=webhook.created").get_json()["data"][0]

    assert api("GET", f"/audit-entries/{entry['id']}").get_json() == entry
    assert (entry["actor_kind"], entry["actor_name"]) == ("api_key", "tests")
    assert (entry["object_type"], entry["object_id"]) == ("webhook", webhook["id"])
    assert entry["changes"]["name"] == [None, WEBHOOK["name"]]
    assert entry["created_at"].endswith("Z")


def test_scope_is_needed_and_unknown_parameters_are_refused(people: People, api: Api) -> None:
    other = Api(people.app, people.acme.id, people.alice.id, ["events:read"])

    assert other("GET", "/audit-entries").status_code == 403
    assert "nonsense" in messages(api("GET", "/audit-entries?nonsense=1"))
    assert "cursor" in messages(api("GET", "/audit-entries?cursor=evt_1"))
    assert "limit" in messages(api("GET", "/audit-entries?limit=0"))
    assert api("GET", "/audit-entries/aud_nothing").status_code == 404


def test_entry_of_another_team_is_not_found(other_api: Api, trail: Trail) -> None:
    [entry] = trail.add_entries(1)

    assert other_api("GET", f"/audit-entries/{entry}").status_code == 404
