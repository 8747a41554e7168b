"""`/api/v1/deliveries`."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.lib import clock
from tests.webhooks.deliveries.factories import Factories

LIST = "/api/v1/deliveries"


def json_of(answer: TestResponse) -> Any:
    """Return the body of an answer."""
    return answer.json


def test_list_follows_cursors_to_the_end(client: FlaskClient, factories: Factories) -> None:
    headers = factories.api("events:read")
    ids = factories.deliveries(factories.webhook(), 25)
    seen, page = [], f"{LIST}?limit=10"
    while page:
        answer = client.get(page, headers=headers)
        assert answer.status_code == 200, answer.json
        seen += [row["id"] for row in json_of(answer)["data"]]
        cursor = json_of(answer)["next_cursor"]
        page = f"{LIST}?limit=10&cursor={cursor}" if cursor else ""

    assert seen == list(reversed(ids))


def test_list_filters(client: FlaskClient, factories: Factories) -> None:
    headers = factories.api("events:read")
    webhook = factories.webhook()
    factories.deliveries(webhook, 3)
    [failed] = factories.deliveries(webhook, 1, state="failed")

    answer = json_of(client.get(f"{LIST}?state=failed&webhook_id={webhook}", headers=headers))

    assert [row["id"] for row in answer["data"]] == [failed]
    assert answer["data"][0]["last_error"] == "http_5xx"
    assert (answer["next_cursor"], answer["searched_back_to"]) == (None, None)


@pytest.mark.parametrize(("status", "wanted"), [("5xx", 503), ("404", 404), ("none", None)])
def test_list_filters_by_status(
    client: FlaskClient, factories: Factories, status: str, wanted: int | None
) -> None:
    webhook = factories.webhook()
    for each in (200, 404, 503, None):
        factories.deliveries(webhook, 1, state="failed", last_status=each)

    answer = json_of(client.get(f"{LIST}?status={status}", headers=factories.api("events:read")))

    assert [row["last_status"] for row in answer["data"]] == [wanted]


@pytest.mark.parametrize(
    "query",
    [
        "state=x",
        "status=6xx",
        "status=",
        "state=",
        "nonsense=1",
        "limit=0",
        "limit=201",
        "cursor=x",
        "from=x",
        "webhook_id=1",
    ],
)
def test_wrong_filters_are_named(client: FlaskClient, factories: Factories, query: str) -> None:
    answer = client.get(f"{LIST}?{query}", headers=factories.api("events:read"))

    assert (answer.status_code, json_of(answer)["code"]) == (422, "VALIDATION_ERROR")
    assert json_of(answer)["errors"][0]["field"] == query.partition("=")[0]


def test_show_has_event_and_attempts(client: FlaskClient, factories: Factories) -> None:
    [delivery] = factories.deliveries(factories.webhook(), 1, body='{"id":"evt_1","data":{"a":1}}')
    factories.attempt(
        delivery, 1, status_code=None, error_kind="reset", response_headers=None, response_body=None
    )
    factories.attempt(delivery, 2)

    answer = json_of(client.get(f"{LIST}/{delivery}", headers=factories.api("events:read")))

    assert answer["event"] == {"id": "evt_1", "data": {"a": 1}}
    assert [attempt["number"] for attempt in answer["attempts"]] == [2, 1]
    assert answer["attempts"][0]["request_headers"][0] == ["webhook-id", "evt_1"]
    assert answer["attempts"][1]["response_headers"] is None
    assert answer["attempts_truncated"] is False


def test_retry_is_accepted_then_visible(client: FlaskClient, factories: Factories) -> None:
    [delivery] = factories.deliveries(factories.webhook(), 1, state="failed")

    answer = client.post(f"{LIST}/{delivery}/retry", headers=factories.api("events:write"))

    assert (answer.status_code, json_of(answer)["state"]) == (202, "pending")
    assert factories.read(delivery).state == "pending"


def test_retry_conflicts_while_it_is_sent(client: FlaskClient, factories: Factories) -> None:
    due_at = clock.now() + timedelta(seconds=30)
    [delivery] = factories.deliveries(factories.webhook(), 1, state="pending", lease="x", due_at=due_at)

    answer = client.post(f"{LIST}/{delivery}/retry", headers=factories.api("events:write"))

    assert (answer.status_code, json_of(answer)["code"]) == (409, "CONFLICT")


def test_keys_reach_only_what_they_may(
    client: FlaskClient, factories: Factories, other_factories: Factories
) -> None:
    [delivery] = factories.deliveries(factories.webhook(), 1, state="failed")
    stranger = other_factories.api("events:read", "events:write")

    assert client.get(LIST).status_code == 401
    assert client.get(f"{LIST}/{delivery}", headers=stranger).status_code == 404
    assert client.post(f"{LIST}/{delivery}/retry", headers=stranger).status_code == 404
    assert json_of(client.get(LIST, headers=stranger))["data"] == []
    assert client.get(LIST, headers=factories.api("webhooks:read")).status_code == 403
    assert client.post(f"{LIST}/{delivery}/retry", headers=factories.api("events:read")).status_code == 403
