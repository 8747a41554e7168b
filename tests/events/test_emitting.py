"""POST /api/v1/events: what is accepted is stored, and what is not says why."""

import threading
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import func, select

from app.events import services
from app.events.models import Event
from app.extensions import db
from app.lib.errors import Conflict
from app.webhooks.models import Delivery
from tests.api_client import Api, messages
from tests.people import People

pytestmark = pytest.mark.postgresql


def count(app: Flask, model: Any) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_event_is_stored_as_it_is_sent(app: Flask, api: Api) -> None:
    answer = api(
        "POST", "/events", b'{"type": "post.published", "data": {"z": 1, "a": {"y": null, "b": "\xc3\xa5"}}}'
    )

    assert answer.status_code == 202
    with app.app_context():
        body = db.session.scalars(select(Event.body)).one()
    assert body.startswith('{"id":"evt_')
    assert body.endswith('"data":{"z":1,"a":{"y":null,"b":"å"}}}')
    envelope = orjson.loads(body)
    assert list(envelope) == ["id", "type", "timestamp", "data"]
    assert envelope["id"] == answer.get_json()["id"]
    assert envelope["timestamp"].endswith("Z")


def test_event_is_delivered_to_every_webhook_that_subscribes_to_its_type(app: Flask, api: Api) -> None:
    wanted = {
        api.new_webhook(event_types=patterns)["id"] for patterns in (["post.published"], ["post.*"], ["*"])
    }
    api.new_webhook(event_types=["post.failed", "signalbox.*"])

    answer = api.emit("post.published")

    assert answer.get_json()["deliveries"] == 3
    with app.app_context():
        assert set(db.session.scalars(select(Delivery.webhook_id))) == wanted


def test_event_of_another_team_is_not_delivered(app: Flask, api: Api, other_api: Api) -> None:
    other_api.new_webhook(event_types=["*"])

    assert api.emit().get_json()["deliveries"] == 0


def test_paused_webhook_gets_its_delivery_to_wait_for(api: Api) -> None:
    webhook = api.new_webhook()
    api("POST", f"/webhooks/{webhook['id']}/pause")

    assert api.emit().get_json()["deliveries"] == 1


def test_repeated_key_adds_nothing(app: Flask, api: Api) -> None:
    api.new_webhook()
    first = api.emit(data={"a": 1, "b": 2}, idempotency_key="k1")
    second = api.emit(data={"b": 2, "a": 1}, idempotency_key="k1")

    assert (first.status_code, second.status_code) == (202, 200)
    assert second.get_json() == {"id": first.get_json()["id"], "deliveries": 0, "is_duplicate": True}
    assert (count(app, Event), count(app, Delivery)) == (1, 1)


@pytest.mark.parametrize("change", [{"data": {"n": 2}}, {"event_type": "post.failed"}])
def test_key_of_another_event_is_a_conflict(app: Flask, api: Api, change: dict[str, Any]) -> None:
    api.emit(idempotency_key="k1")
    answer = api.emit(**change, idempotency_key="k1")

    assert answer.status_code == 409
    assert answer.get_json()["code"] == "CONFLICT"
    assert "another type or data" in answer.get_json()["detail"]
    assert count(app, Event) == 1


def test_same_key_in_another_team_is_another_event(api: Api, other_api: Api) -> None:
    assert api.emit(idempotency_key="k1").status_code == 202
    assert other_api.emit(idempotency_key="k1").status_code == 202


def test_key_can_be_a_header(api: Api) -> None:
    first = api("POST", "/events", {"type": "post.published", "data": {}}, headers={"Idempotency-Key": "k1"})
    second = api("POST", "/events", {"type": "post.published", "data": {}, "idempotency_key": "k1"})

    assert second.get_json()["id"] == first.get_json()["id"]


def test_key_in_header_and_body_must_agree(api: Api) -> None:
    body = {"type": "post.published", "data": {}, "idempotency_key": "k1"}

    assert api("POST", "/events", body, headers={"Idempotency-Key": "k1"}).status_code == 202
    answer = api("POST", "/events", body, headers={"Idempotency-Key": "k2"})
    assert answer.status_code == 422
    assert "differ" in messages(answer)["idempotency_key"]


def test_twenty_at_once_under_one_key_make_one_event(app: Flask, people: People, api: Api) -> None:
    api.new_webhook()
    start = threading.Barrier(20)
    outcomes: list[services.Emitted | Exception] = []

    def emit() -> None:
        with app.app_context():
            start.wait()
            try:
                outcomes.append(
                    services.emit(people.acme.id, "post.published", {"n": 1}, idempotency_key="race")
                )
            except Exception as error:  # the assertion below shows it
                outcomes.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=emit) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(isinstance(outcome, services.Emitted) for outcome in outcomes), outcomes
    assert sum(outcome.is_new for outcome in outcomes if isinstance(outcome, services.Emitted)) == 1
    assert (count(app, Event), count(app, Delivery)) == (1, 1)


def test_two_different_events_at_once_under_one_key_leave_one(app: Flask, people: People) -> None:
    start = threading.Barrier(8)
    refused: list[Conflict] = []

    def emit(number: int) -> None:
        with app.app_context():
            start.wait()
            try:
                services.emit(people.acme.id, "post.published", {"n": number}, idempotency_key="race")
            except Conflict as error:
                refused.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=emit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (count(app, Event), len(refused)) == (1, 7)


HOSTILE = [
    (b'{"type": "post.publshed", "data": {}}', 422, "Did you mean post.published"),
    (b'{"type": "signalbox.webhook.disabled", "data": {}}', 422, "Only Signalbox itself"),
    (b'{"type": "", "data": {}}', 422, "not the name of an event type"),
    (b'{"type": "a\\u0000.b", "data": {}}', 422, "not the name of an event type"),
    (b'{"type": "post.published\\"}", "data": {}}', 422, "not the name of an event type"),
    (b'{"type": 5, "data": {}}', 422, "string"),
    (b'{"data": {}}', 422, "type"),
    (b'{"type": "post.published"}', 422, "data"),
    (b'{"type": "post.published", "data": []}', 422, "data"),
    (b'{"type": "post.published", "data": "x"}', 422, "data"),
    (b'{"type": "post.published", "data": null}', 422, "data"),
    (b'{"type": "post.published", "dat": {}}', 422, "Did you mean data?"),
    (b'{"type": "post.published", "data": {"a": "\\u0000"}}', 422, "NUL"),
    (b'{"type": "post.published", "data": {"a\\u0000": 1}}', 422, "NUL"),
    (b'{"type": "post.published", "data": {"a": "\\\\\\u0000"}}', 422, "NUL"),
    (b'{"type": "post.published", "data": {"a": NaN}}', 400, "not valid JSON"),
    (b'{"type": "post.published", "data": {"a": Infinity}}', 400, "not valid JSON"),
    (b'{"type": "post.published", "data": {"a": 1e999}}', 400, "not valid JSON"),
    (b'{"type": "post.published", "data": {"a": "\\ud800"}}', 400, "not valid JSON"),
    (b'{"type": "post.published", "data": {"a": "\xff"}}', 400, "not valid JSON"),
    (
        b'{"type": "post.published", "data": {"a": ' + b"[" * 300 + b"]" * 300 + b"}}",
        422,
        "nested too deeply",
    ),
    (b"[" * 100_000, 400, "not valid JSON"),
    (b'{"type": "post.published", "data": {}', 400, "not valid JSON"),
    (b"", 422, "JSON object"),
    (b"null", 422, "JSON object"),
    (b"[]", 422, "JSON object"),
    (b'{"type": "post.published", "data": {"a": "' + b"x" * 262_144 + b'"}}', 413, "262144"),
    (b'{"type": "post.published", "data": {"a": "' + b"x" * 900_000 + b'"}}', 413, "262144"),
    (b'{"type": "post.published", "data": {}, "idempotency_key": ""}', 422, "1 to 255"),
    (b'{"type": "post.published", "data": {}, "idempotency_key": "a\\u0000b"}', 422, "cannot be printed"),
    (b'{"type": "post.published", "data": {}, "idempotency_key": "' + b"k" * 256 + b'"}', 422, "1 to 255"),
]


def test_bad_input_is_refused_in_words(app: Flask, api: Api) -> None:
    for body, status, words in HOSTILE:
        answer = api("POST", "/events", body)

        assert answer.status_code == status, (body[:80], answer.get_data(as_text=True))
        assert answer.content_type == "application/problem+json"
        assert words in answer.get_data(as_text=True), body[:80]
    assert count(app, Event) == 0


def test_escaped_backslash_before_u0000_is_no_nul(api: Api) -> None:
    assert (
        api("POST", "/events", b'{"type": "post.published", "data": {"a": "\\\\u0000"}}').status_code == 202
    )


def test_body_that_is_not_json_says_so(api: Api) -> None:
    answer = api(
        "POST", "/events", data="type=post.published", content_type="application/x-www-form-urlencoded"
    )

    assert answer.status_code == 415


def test_reading_key_cannot_emit(people: People) -> None:
    reader = Api(people.app, people.acme.id, people.alice.id, ["events:read"])

    assert reader.emit().status_code == 403
    assert reader("GET", "/events").status_code == 200
    assert people.app.test_client().post("/api/v1/events", json={}).status_code == 401


def test_stranger_gets_404(api: Api, other_api: Api) -> None:
    event_id = api.emit().get_json()["id"]

    assert api("GET", f"/events/{event_id}").get_json()["data"] == {"n": 1}
    assert other_api("GET", f"/events/{event_id}").status_code == 404
    assert api("GET", "/events/evt_%00").status_code == 404


def test_list_pages_through_all_events_once(api: Api) -> None:
    sent = [api.emit(data={"n": number}).get_json()["id"] for number in range(5)]

    seen, cursor = [], ""
    while True:
        page = api("GET", f"/events?limit=2{cursor}").get_json()
        seen += [event["id"] for event in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert sorted(seen) == sorted(sent)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "cursor=x", "cursor=%00", "type=%00", "nonsense=1"]
)
def test_bad_query_is_refused(api: Api, query: str) -> None:
    assert api("GET", f"/events?{query}").status_code == 422


def test_list_filters_by_type_and_kind(api: Api) -> None:
    webhook = api.new_webhook()
    api.emit("post.failed")
    api("POST", f"/webhooks/{webhook['id']}/test")

    def types(query: str) -> list[str]:
        return [event["type"] for event in api("GET", f"/events?{query}").get_json()["data"]]

    assert types("type=post.failed") == ["post.failed"]
    assert types("is_test=true") == ["signalbox.test"]
    assert types("is_test=false") == ["post.failed"]


def test_command_emits(app: Flask, people: People, api: Api) -> None:
    run = app.test_cli_runner().invoke
    command = ["events", "emit", "--team", "acme", "post.published"]

    assert "0 deliveries" in run(args=[*command, '{"a": 1}']).output
    assert "not valid JSON" in run(args=[*command, "{"]).output
    assert "must be a JSON object" in run(args=[*command, "[]"]).output
    assert "no team nobody" in run(args=["events", "emit", "--team", "nobody", "a.b", "{}"]).output
    assert count(app, Event) == 1
