"""`ETag` and `If-Match`: a program overwrites and deletes only what it has read."""

from functools import partial
from typing import Any

import pytest

from tests.api_client import Api
from tests.people import People
from tests.races import at_once

pytestmark = pytest.mark.postgresql


@pytest.fixture(params=["webhook", "API key", "event type", "team", "member"])
def changing(
    request: pytest.FixtureRequest, api: Api, people: People
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return the path of an object, and two changes of it."""
    match request.param:
        case "webhook":
            return f"/webhooks/{api.new_webhook()['id']}", {"name": "One"}, {"timeout_s": 7}
        case "API key":
            key = api(
                "POST", "/keys", {"name": "k", "scopes": ["events:read"], "expires_at": None}
            ).get_json()
            return f"/keys/{key['id']}", {"name": "One"}, {"per_hour": 7}
        case "event type":
            api("POST", "/event-types", {"name": "order.sent"})
            return "/event-types/order.sent", {"description": "One"}, {"example": {"n": 2}}
        case "team":
            return "/team", {"name": "One"}, {"name": "Two"}
        case _:
            return f"/members/{people.vic.id}", {"role": "member"}, {"role": "admin"}


def test_change_of_what_was_read_succeeds_and_tells_the_new_version(
    api: Api, changing: tuple[str, dict[str, Any], dict[str, Any]]
) -> None:
    path, one, two = changing
    tag = api("GET", path).headers["ETag"]

    first = api("PATCH", path, one, headers={"If-Match": tag})
    second = api("PATCH", path, two, headers={"If-Match": first.headers["ETag"]})

    assert (first.status_code, second.status_code) == (200, 200)
    assert len({tag, first.headers["ETag"], second.headers["ETag"]}) == 3
    assert api("GET", path).headers["ETag"] == second.headers["ETag"]


def test_change_of_what_was_changed_since_is_refused_and_does_nothing(
    api: Api, changing: tuple[str, dict[str, Any], dict[str, Any]]
) -> None:
    path, one, two = changing
    tag = api("GET", path).headers["ETag"]
    now = api("PATCH", path, one).headers["ETag"]

    refused = api("PATCH", path, two, headers={"If-Match": tag})

    assert refused.status_code == 412
    assert refused.get_json()["code"] == "CONFLICT"
    assert "Read it again" in refused.get_json()["detail"]
    assert "ETag" not in refused.headers
    assert api("GET", path).headers["ETag"] == now


def test_deleting_what_was_changed_since_is_refused(
    api: Api, changing: tuple[str, dict[str, Any], dict[str, Any]]
) -> None:
    path, one, _ = changing
    if path == "/team":
        pytest.skip("no program deletes a team")
    tag = api("GET", path).headers["ETag"]
    now = api("PATCH", path, one).headers["ETag"]

    assert api("DELETE", path, headers={"If-Match": tag}).status_code == 412
    assert api("GET", path).status_code == 200
    assert api("DELETE", path, headers={"If-Match": now}).status_code == 204


@pytest.mark.parametrize("header", [None, "*", " * "])
def test_without_a_version_the_last_write_wins(api: Api, header: str | None) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}"

    for name in ("One", "Two"):
        headers = {} if header is None else {"If-Match": header}
        assert api("PATCH", path, {"name": name}, headers=headers).status_code == 200


@pytest.mark.parametrize("form", ['"other", {tag}', "W/{tag}", "  {tag}  ,"])
def test_version_among_others_or_weakened_on_the_way_counts(api: Api, form: str) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}"
    tag = api("GET", path).headers["ETag"]

    headers = {"If-Match": form.format(tag=tag)}

    assert api("PATCH", path, {"name": "One"}, headers=headers).status_code == 200


@pytest.mark.parametrize("header", ["", '""', '"', ",,,", "x" * 8000, '"*"', "W/"])
def test_header_that_names_no_version_of_ours_matches_nothing(api: Api, header: str) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}"

    assert api("PATCH", path, {"name": "One"}, headers={"If-Match": header}).status_code == 412


def test_what_happens_to_a_webhook_is_no_change_of_its_settings(api: Api) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}"
    tag = api("GET", path).headers["ETag"]

    api("POST", f"{path}/pause")

    assert api("GET", path).headers["ETag"] == tag


def test_of_several_who_change_the_same_version_one_succeeds(api: Api) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}"
    for number in range(3):
        headers = {"If-Match": api("GET", path).headers["ETag"]}

        answers = at_once(
            [partial(api, "PATCH", path, {"name": f"{number} {who}"}, headers=headers) for who in range(4)]
        )

        assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
