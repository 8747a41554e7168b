"""`/api/v1/audit-entries` and `/api/v1/requests`."""

import pytest

from tests.api_client import WEBHOOK, Api, messages
from tests.audit.conftest import Records
from tests.people import People


def test_entries_are_listed_in_pages(api: Api, records: Records, other_records: Records) -> None:
    ids = records.add_entries(5)
    other_records.add_entries(1)

    first = api("GET", "/audit-entries?object_type=webhook&limit=3").get_json()
    second = api(
        "GET", f"/audit-entries?object_type=webhook&limit=3&cursor={first['next_cursor']}"
    ).get_json()

    assert [row["id"] for row in first["data"] + second["data"]] == list(reversed(ids))
    assert second["next_cursor"] is None


def test_entry_tells_who_did_what(api: Api, records: Records) -> None:
    webhook = api.new_webhook()
    entry = api("GET", "/audit-entries?action=webhook.created").get_json()["data"][0]

    assert api("GET", f"/audit-entries/{entry['id']}").get_json() == entry
    assert (entry["actor_kind"], entry["actor_name"]) == ("api_key", "tests")
    assert (entry["object_type"], entry["object_id"]) == ("webhook", webhook["id"])
    assert entry["changes"]["name"] == [None, WEBHOOK["name"]]
    assert entry["created_at"].endswith("Z")


def test_requests_are_listed_and_shown(api: Api, records: Records) -> None:
    api("GET", "/events")
    api("POST", "/webhooks", {})
    refused = records.requests()[-1]

    listed = api("GET", "/requests?status=failed").get_json()["data"]
    detail = api("GET", f"/requests/{refused.id}").get_json()

    assert [row["id"] for row in listed] == [refused.id]
    assert "request_headers" not in listed[0]
    assert detail["error_code"] == "VALIDATION_ERROR"
    assert ["Authorization", "••••••"] in detail["request_headers"]
    assert detail["request_body"] == "{}"


@pytest.mark.parametrize("path", ["/audit-entries", "/requests"])
def test_scope_is_needed_and_unknown_parameters_are_refused(people: People, api: Api, path: str) -> None:
    other = Api(people.app, people.acme.id, people.alice.id, ["events:read"])

    assert other("GET", path).status_code == 403
    assert "nonsense" in messages(api("GET", f"{path}?nonsense=1"))
    assert "cursor" in messages(api("GET", f"{path}?cursor=evt_1"))
    assert "limit" in messages(api("GET", f"{path}?limit=0"))
    assert api("GET", f"{path}/aud_nothing").status_code == 404


def test_objects_of_other_teams_are_not_found(other_api: Api, records: Records) -> None:
    [entry], [logged] = records.add_entries(1), records.add_requests(1)

    assert other_api("GET", f"/audit-entries/{entry}").status_code == 404
    assert other_api("GET", f"/requests/{logged}").status_code == 404
