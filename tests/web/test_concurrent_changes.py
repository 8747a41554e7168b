"""Two programs that change different fields of one object at once: both changes stay."""

from functools import partial

import pytest

from tests.api_client import Api
from tests.races import at_once

pytestmark = pytest.mark.postgresql

ROUNDS = 8


def test_changes_of_different_settings_of_a_webhook_both_stay(api: Api) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}"

    for number in range(ROUNDS):
        changes = ({"name": f"Name {number}"}, {"max_retries": number}, {"timeout_s": number + 1})
        answers = at_once([partial(api, "PATCH", path, change) for change in changes])

        assert [answer.status_code for answer in answers] == [200, 200, 200]
        webhook = api("GET", path).get_json()
        assert {name: webhook[name] for name in ("name", "max_retries", "timeout_s")} == {
            "name": f"Name {number}",
            "max_retries": number,
            "timeout_s": number + 1,
        }


def test_changes_of_description_and_example_of_a_type_both_stay(api: Api) -> None:
    api("POST", "/event-types", {"name": "order.shipped"})
    path = "/event-types/order.shipped"

    for number in range(ROUNDS):
        changes = ({"description": f"Text {number}"}, {"example": {"n": number}})
        answers = at_once([partial(api, "PATCH", path, change) for change in changes])

        assert [answer.status_code for answer in answers] == [200, 200]
        shown = api("GET", path).get_json()
        assert (shown["description"], shown["example"]) == (f"Text {number}", {"n": number})


def test_a_change_of_nothing_changes_nothing(api: Api) -> None:
    webhook = api.new_webhook()
    api("POST", "/event-types", {"name": "order.shipped", "description": "Left the house."})

    assert api("PATCH", f"/webhooks/{webhook['id']}", {}).get_json()["name"] == webhook["name"]
    assert api("PATCH", "/event-types/order.shipped", {}).get_json()["description"] == "Left the house."
    assert api("PATCH", "/event-types/no.such", {}).status_code == 404
