"""`/api/v1/requests`."""

from tests.api_client import Api, messages
from tests.people import People
from tests.request_log.conftest import RequestLog


def test_requests_are_listed_and_shown(api: Api, request_log: RequestLog) -> None:
    api("GET", "/events")
    api("POST", "/webhooks", {})
    refused = request_log.requests()[-1]

    listed = api("GET", "/requests?status=failed").get_json()["data"]
    detail = api("GET", f"/requests/{refused.id}").get_json()

    assert [row["id"] for row in listed] == [refused.id]
    assert "request_headers" not in listed[0]
    assert detail["error_code"] == "VALIDATION_ERROR"
    assert ["Authorization", "••••••"] in detail["request_headers"]
    assert detail["request_body"] == "{}"


def test_scope_is_needed_and_unknown_parameters_are_refused(people: People, api: Api) -> None:
    other = Api(people.app, people.acme.id, people.alice.id, ["events:read"])

    assert other("GET", "/requests").status_code == 403
    assert "nonsense" in messages(api("GET", "/requests?nonsense=1"))
    assert "cursor" in messages(api("GET", "/requests?cursor=evt_1"))
    assert "limit" in messages(api("GET", "/requests?limit=0"))
    assert api("GET", "/requests/req_nothing").status_code == 404


def test_call_of_another_team_is_not_found(other_api: Api, request_log: RequestLog) -> None:
    [logged] = request_log.add_requests(1)

    assert other_api("GET", f"/requests/{logged}").status_code == 404
