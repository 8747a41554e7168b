"""Several events in one request: all stored, or none."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.events.models import Event
from app.extensions import db
from tests.api_client import Api, messages

pytestmark = pytest.mark.postgresql


def stored(app: Flask) -> int:
    with app.app_context():
        count = db.session.scalar(select(func.count()).select_from(Event))
        db.session.remove()
    return count or 0


def event(n: int, **fields: Any) -> dict[str, Any]:
    return {"type": "post.published", "data": {"n": n}, **fields}


def test_events_of_a_batch_are_stored_in_order_with_their_deliveries(app: Flask, api: Api) -> None:
    api.new_webhook()

    answer = api("POST", "/events/batch", {"events": [event(1), event(2, type="alert.triggered"), event(3)]})

    assert answer.status_code == 202
    assert [one["deliveries"] for one in answer.get_json()["data"]] == [1, 0, 1]
    ids = [one["id"] for one in answer.get_json()["data"]]
    assert [api("GET", f"/events/{one}").get_json()["data"]["n"] for one in ids] == [1, 2, 3]


def test_one_bad_event_refuses_the_whole_batch_and_is_named(app: Flask, api: Api) -> None:
    answer = api("POST", "/events/batch", {"events": [event(1), event(2, type="post.publisht")]})

    assert answer.status_code == 422
    assert "Did you mean post.published" in messages(answer)["events.1.type"]
    assert "None of the batch was stored" in answer.get_json()["detail"]
    assert stored(app) == 0


def test_repeated_keys_add_nothing_within_a_batch_and_between_batches(app: Flask, api: Api) -> None:
    batch = {
        "events": [
            event(1, idempotency_key="a"),
            event(1, idempotency_key="a"),
            event(2, idempotency_key="b"),
        ]
    }

    first = api("POST", "/events/batch", batch).get_json()["data"]
    again = api("POST", "/events/batch", batch).get_json()["data"]

    assert [one["id"] for one in first] == [one["id"] for one in again]
    assert first[0]["id"] == first[1]["id"] != first[2]["id"]
    assert [one["is_duplicate"] for one in again] == [True, True, True]
    assert stored(app) == 2


def test_key_of_another_event_refuses_the_batch(app: Flask, api: Api) -> None:
    api.emit(idempotency_key="a")

    answer = api("POST", "/events/batch", {"events": [event(8), event(9, idempotency_key="a")]})

    assert answer.status_code == 409
    assert "events.1.idempotency_key" in messages(answer)
    assert stored(app) == 1


def test_empty_and_oversized_batches_are_refused(api: Api) -> None:
    for events in ([], [event(n) for n in range(101)]):
        assert api("POST", "/events/batch", {"events": events}).status_code == 422


def test_batches_that_share_keys_in_opposite_order_both_end(app: Flask, api: Api) -> None:
    keys = [f"k{n}" for n in range(30)]

    def send(order: list[str]) -> int:
        events = [event(0, idempotency_key=key) for key in order]
        return api("POST", "/events/batch", {"events": events}).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(send, [keys, keys[::-1]] * 4))

    assert statuses == [202] * 8
    assert stored(app) == len(keys)
