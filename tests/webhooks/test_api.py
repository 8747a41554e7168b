"""Webhooks over the API: validation, secrets, states."""

from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.extensions import db, sealer
from app.lib.redact import MASK
from app.webhooks.models import Delivery, Webhook
from tests.api_client import WEBHOOK, Api, messages
from tests.people import People

LOOPBACK_NOT_ALLOWED = "http://10.0.0.1/"


def test_secret_is_in_the_first_answer_and_in_no_other(app: Flask, api: Api) -> None:
    created = api.new_webhook()

    assert created["secret"].startswith("whsec_")
    for answer in (api("GET", f"/webhooks/{created['id']}"), api("GET", "/webhooks")):
        assert "whsec_" not in answer.get_data(as_text=True)
    with app.app_context():
        sealed = db.session.scalars(select(Webhook.secret_sealed)).one()
        assert created["secret"] not in sealed
        opened = sealer().open(sealed, table="webhooks", column="secret", row_id=created["id"])
        assert opened.decode() == created["secret"]


def stored_headers(app: Flask, webhook_id: str) -> dict[str, str]:
    with app.app_context():
        sealed = db.session.scalars(select(Webhook.headers_sealed).where(Webhook.id == webhook_id)).one()
        if sealed is None:
            return {}
        opened = sealer().open(sealed, table="webhooks", column="headers", row_id=webhook_id)
        return dict(orjson.loads(opened))


def test_header_values_are_kept_behind_their_mask(app: Flask, api: Api) -> None:
    created = api.new_webhook(headers={"Authorization": "Bearer one", "X-Tenant": "acme"})
    path = f"/webhooks/{created['id']}"

    assert created["headers"] == {"Authorization": MASK, "X-Tenant": MASK}
    api("PATCH", path, {"name": "Renamed"})
    assert stored_headers(app, created["id"]) == {"Authorization": "Bearer one", "X-Tenant": "acme"}
    api("PATCH", path, {"headers": {"Authorization": MASK, "X-New": "2"}})
    assert stored_headers(app, created["id"]) == {"Authorization": "Bearer one", "X-New": "2"}
    api("PATCH", path, {"headers": {}})
    assert stored_headers(app, created["id"]) == {}


HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": "a\x00b"}, "name"),
    ({"name": "a\u202eb"}, "name"),
    ({"url": "ftp://example.com"}, "url"),
    ({"url": "javascript:alert(1)"}, "url"),
    ({"url": "https://user:pass@example.com/"}, "url"),
    ({"url": LOOPBACK_NOT_ALLOWED}, "url"),
    ({"url": "http://169.254.169.254/latest/meta-data"}, "url"),
    ({"url": "https://example.com/a b"}, "url"),
    ({"url": "https://example.com/\r\nX: y"}, "url"),
    ({"url": "https://example.com/" + "x" * 3000}, "url"),
    ({"url": ""}, "url"),
    ({"event_types": []}, "event_types"),
    ({"event_types": ["post.publshed"]}, "event_types"),
    ({"event_types": ["unknown.*"]}, "event_types"),
    ({"event_types": ["post*"]}, "event_types"),
    ({"event_types": ["*.published"]}, "event_types"),
    ({"event_types": ["**"]}, "event_types"),
    ({"event_types": ["post.\x00"]}, "event_types"),
    ({"event_types": [f"a{n}.b" for n in range(101)]}, "event_types"),
    ({"event_types": "post.*"}, "event_types"),
    ({"headers": {"X-A": "a\r\nX-Evil: 1"}}, "headers"),
    ({"headers": {"X-A": "a\nb"}}, "headers"),
    ({"headers": {"X-A": "a\x00"}}, "headers"),
    ({"headers": {"X-A": "é"}}, "headers"),
    ({"headers": {"X-A": ""}}, "headers"),
    ({"headers": {"X-A": MASK}}, "headers"),
    ({"headers": {"X-A": f"Bearer {MASK}"}}, "headers"),
    ({"headers": {"X A": "1"}}, "headers"),
    ({"headers": {"X-A: b\r\nX-Evil": "1"}}, "headers"),
    ({"headers": {"": "1"}}, "headers"),
    ({"headers": {"X-A": "1", "x-a": "2"}}, "headers"),
    ({"headers": {f"X-{n}": "1" for n in range(21)}}, "headers"),
    ({"headers": {"X-A": "x" * 4096}}, "headers"),
    *[
        ({"headers": {name: "1"}}, "headers")
        for name in (
            "Host", "content-length", "Content-Type", "Transfer-Encoding", "Connection", "keep-alive", "TE",
            "Trailer", "Upgrade", "Expect", "Proxy-Authorization", "Webhook-Id", "webhook-signature",
            "User-Agent", "Accept-Encoding", "Date", "Content-Encoding",
        )
    ],
    ({"max_retries": -1}, "max_retries"),
    ({"max_retries": 16}, "max_retries"),
    ({"max_retries": 2.5}, "max_retries"),
    ({"first_retry_s": 0}, "first_retry_s"),
    ({"first_retry_s": 3601}, "first_retry_s"),
    ({"retry_multiplier": 0.5}, "retry_multiplier"),
    ({"retry_multiplier": 11}, "retry_multiplier"),
    ({"timeout_s": 0}, "timeout_s"),
    ({"timeout_s": 31}, "timeout_s"),
    ({"event_type": ["post.*"]}, "body"),
    ({"status": "paused"}, "body"),
]  # fmt: skip


def test_bad_settings_are_refused_beside_their_field(api: Api) -> None:
    kept = api.new_webhook()
    for change, field in HOSTILE:
        for answer in (
            api("POST", "/webhooks", WEBHOOK | change),
            api("PATCH", f"/webhooks/{kept['id']}", change),
        ):
            assert answer.status_code == 422, (change, answer.get_data(as_text=True))
            assert any(name.partition(".")[0] == field for name in messages(answer)), (
                change,
                messages(answer),
            )
    listed = api("GET", "/webhooks").get_json()["data"]
    assert [webhook["id"] for webhook in listed] == [kept["id"]]
    assert listed[0]["url"] == WEBHOOK["url"]


def test_all_errors_come_at_once(api: Api) -> None:
    answer = api("POST", "/webhooks", {"name": "", "url": "x", "event_types": ["?"], "timeout_s": 99})

    assert set(messages(answer)) == {"name", "url", "event_types", "timeout_s"}


def test_subscription_to_an_own_type_stays_when_the_type_is_deleted(api: Api) -> None:
    api("POST", "/event-types", {"name": "order.shipped"})
    webhook = api.new_webhook(event_types=["order.shipped", "order.*", "order.shipped"])
    assert webhook["event_types"] == ["order.shipped", "order.*"]
    api("DELETE", "/event-types/order.shipped")

    assert api("PATCH", f"/webhooks/{webhook['id']}", {"name": "Still editable"}).status_code == 200
    assert api("POST", "/webhooks", {**WEBHOOK, "event_types": ["order.*"]}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/test"),
    ],
)  # fmt: skip
def test_stranger_gets_404(api: Api, other_api: Api, method: str, path: str) -> None:
    webhook = api.new_webhook()

    body = {"name": "Mine now"} if method == "PATCH" else None
    assert other_api(method, f"/webhooks/{webhook['id']}{path}", body).status_code == 404
    assert api("GET", f"/webhooks/{webhook['id']}").get_json()["name"] == WEBHOOK["name"]
    assert api(method, f"/webhooks/wh_%00{path}", body).status_code == 404


def test_reading_key_changes_nothing(people: People, api: Api) -> None:
    reader = Api(people.app, people.acme.id, people.alice.id, ["webhooks:read"])
    webhook = api.new_webhook()

    assert reader("GET", f"/webhooks/{webhook['id']}").status_code == 200
    assert reader("POST", "/webhooks", WEBHOOK).status_code == 403
    assert reader("DELETE", f"/webhooks/{webhook['id']}").status_code == 403
    assert reader("POST", f"/webhooks/{webhook['id']}/test").status_code == 403


def states(app: Flask) -> dict[str, int]:
    with app.app_context():
        rows = db.session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
        return {row[0]: row[1] for row in rows}


def test_pausing_twice_is_no_error_and_says_who(api: Api) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}"

    first, second = api("POST", f"{path}/pause").get_json(), api("POST", f"{path}/pause").get_json()
    assert first["status"] == second["status"] == "paused"
    assert first["status_reason"] == "Paused by tests."
    assert first["status_changed_at"] == second["status_changed_at"]


def test_resuming_sends_what_waited(app: Flask, api: Api) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}"
    api("POST", f"{path}/pause")
    api.emit()

    resumed = api("POST", f"{path}/resume").get_json()
    assert (resumed["status"], resumed["status_reason"], resumed["cancelled_deliveries"]) == (
        "active",
        None,
        0,
    )
    assert states(app) == {"pending": 1}


def test_resuming_can_discard_what_waited(app: Flask, api: Api) -> None:
    webhook, other = api.new_webhook(), api.new_webhook()
    api("POST", f"/webhooks/{webhook['id']}/pause")
    api.emit()

    assert (
        api("POST", f"/webhooks/{webhook['id']}/resume", {"backlog": "discard"}).get_json()[
            "cancelled_deliveries"
        ]
        == 1
    )
    assert states(app) == {"cancelled": 1, "pending": 1}
    with app.app_context():
        pending = db.session.scalars(select(Delivery).where(Delivery.state == "pending")).one()
        assert pending.webhook_id == other["id"]


def test_resuming_an_active_webhook_discards_nothing(app: Flask, api: Api) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}"
    api.emit()

    assert api("POST", f"{path}/resume", {"backlog": "discard"}).get_json()["cancelled_deliveries"] == 0
    assert states(app) == {"pending": 1}


def test_resuming_resets_failures_and_the_reason(app: Flask, api: Api) -> None:
    webhook = api.new_webhook()
    with app.app_context():
        db.session.execute(
            update(Webhook).values(status="disabled", status_reason="Gone.", consecutive_failures=10)
        )
        db.session.commit()
        db.session.remove()

    assert api("POST", f"/webhooks/{webhook['id']}/pause").status_code == 409
    assert api("POST", f"/webhooks/{webhook['id']}/test").status_code == 409
    resumed = api("POST", f"/webhooks/{webhook['id']}/resume").get_json()
    assert (resumed["status"], resumed["status_reason"], resumed["consecutive_failures"]) == (
        "active",
        None,
        0,
    )


def test_deleting_wipes_secrets_cancels_and_keeps_history(app: Flask, api: Api) -> None:
    webhook = api.new_webhook(headers={"X-A": "1"})
    api.emit()

    assert api("DELETE", f"/webhooks/{webhook['id']}").status_code == 204
    assert api("GET", f"/webhooks/{webhook['id']}").status_code == 404
    assert api("DELETE", f"/webhooks/{webhook['id']}").status_code == 404
    assert api("GET", "/webhooks").get_json()["data"] == []
    assert api.emit().get_json()["deliveries"] == 0
    assert states(app) == {"cancelled": 1}
    with app.app_context():
        row = db.session.scalars(select(Webhook)).one()
        assert (row.secret_sealed, row.headers_sealed) == ("", None)
        delivery = db.session.scalars(select(Delivery)).one()
        assert delivery.due_at is None
        assert delivery.finished_at is not None


def test_test_event_reaches_this_webhook_only(app: Flask, api: Api) -> None:
    webhook, _other = api.new_webhook(), api.new_webhook(event_types=["*", "signalbox.*"])

    answer = api("POST", f"/webhooks/{webhook['id']}/test", {"event_type": "campaign.started"})

    assert answer.status_code == 202
    with app.app_context():
        delivery = db.session.scalars(select(Delivery)).one()
        assert (delivery.webhook_id, delivery.event.is_test) == (webhook["id"], True)
        assert delivery.event.type == "campaign.started"
        assert "camp_spring_26" in delivery.event.body
    assert api("POST", f"/webhooks/{webhook['id']}/test", {"event_type": "no.such"}).status_code == 422


def test_list_pages_and_filters(api: Api) -> None:
    made = [api.new_webhook(name=f"W{number}")["id"] for number in range(3)]
    api("POST", f"/webhooks/{made[0]}/pause")

    first = api("GET", "/webhooks?limit=2").get_json()
    second = api("GET", f"/webhooks?limit=2&cursor={first['next_cursor']}").get_json()
    assert {row["id"] for row in first["data"] + second["data"]} == set(made)
    assert second["next_cursor"] is None
    assert [row["id"] for row in api("GET", "/webhooks?status=paused").get_json()["data"]] == [made[0]]
    assert api("GET", "/webhooks?status=nope").status_code == 422


def test_backlog_is_counted(api: Api) -> None:
    webhook = api.new_webhook()
    for number in range(3):
        api.emit(data={"n": number})

    assert api("GET", f"/webhooks/{webhook['id']}").get_json()["last_24_hours"]["backlog"] == 3
