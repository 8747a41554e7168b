"""Requests that are repeated under their Idempotency-Key: one effect, one answer."""

import re
from datetime import timedelta
from functools import partial
from typing import Any, cast

import pytest
from flask import Flask
from flask_openapi import OpenAPI
from sqlalchemy import func, select, update

from app.accounts.models import Team
from app.extensions import db, sealer
from app.idempotency import services
from app.idempotency.models import IdempotencyRecord
from app.lib import clock
from app.lib.errors import Conflict
from app.lib.redact import MASK
from app.web.openapi.document import routes
from app.web.schemas import secret_fields
from app.webhooks.models import Delivery, Webhook
from app.webhooks.services.settings import WebhookSettings
from app.webhooks.services.webhooks import create_webhook
from tests.api_client import WEBHOOK, Api, messages
from tests.people import People
from tests.races import at_once

pytestmark = pytest.mark.postgresql

KEY = {"Idempotency-Key": "4f1c2f0e-6f0b-4b7f-9a55-0d7a3f0f9f6e"}
#: Address, body, and the field of the answer that holds a secret.
CREATIONS: list[tuple[str, dict[str, Any], str | None]] = [
    ("/webhooks", WEBHOOK, "secret"),
    ("/event-types", {"name": "order.shipped"}, None),
    ("/invitations", {"role": "viewer"}, "url"),
    ("/keys", {"name": "orders", "scopes": ["events:write"]}, "key"),
]


def count(app: Flask, model: type) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def without_secret(body: dict[str, Any], secret: str | None) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in (secret, "notice")}


def age(app: Flask, by: timedelta, **values: Any) -> None:
    """Make the records older."""
    with app.app_context():
        db.session.execute(update(IdempotencyRecord).values(created_at=clock.now() - by, **values))
        db.session.commit()
        db.session.remove()


@pytest.mark.parametrize(("path", "body", "secret"), CREATIONS)
def test_repetition_gets_the_first_answer_and_creates_nothing(
    api: Api, path: str, body: dict[str, Any], secret: str | None
) -> None:
    first = api("POST", path, body, headers=KEY)
    again = api("POST", path, body, headers=KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert without_secret(again.get_json(), secret) == without_secret(first.get_json(), secret)
    assert again.content_type == first.content_type
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    own = [
        row for row in api("GET", path).get_json()["data"] if row.get("is_own", row.get("name") != "tests")
    ]
    assert len(own) == 1


@pytest.mark.parametrize(("path", "body", "secret"), [made for made in CREATIONS if made[2]])
def test_only_the_first_answer_holds_the_secret(
    app: Flask, api: Api, path: str, body: dict[str, Any], secret: str
) -> None:
    first = api("POST", path, body, headers=KEY).get_json()
    again = api("POST", path, body, headers=KEY).get_json()

    assert "notice" not in first
    assert again[secret] == MASK
    assert first["id"] in again["notice"]
    assert "new Idempotency-Key" in again["notice"]
    with app.app_context():
        row_id, sealed = db.session.execute(select(IdempotencyRecord.id, IdempotencyRecord.body_sealed)).one()
        kept = sealer().open(str(sealed), table="idempotency_records", column="body", row_id=row_id).decode()
    assert first["id"] in kept
    assert first[secret] not in kept, "nor does the database"


def test_every_repeatable_answer_marks_its_secrets(app: Flask) -> None:
    """Every field that looks like a secret, by its name or description, is marked, so that repetitions mask it."""
    unmarked = []
    for _, view in routes(cast(OpenAPI, app)):
        model = getattr(view, "repeatable_model", None)
        if model is not None:
            unmarked += [
                f"{model.__name__}.{name}"
                for name, field in model.model_fields.items()
                if (re.search("secret|key$|token|password", name) or "once" in (field.description or ""))
                and name not in {*secret_fields(model), "masked_key", "idempotency_key"}
            ]

    assert unmarked == []


def test_test_event_is_sent_once(app: Flask, api: Api) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}/test"

    answers = [api("POST", path, headers=KEY) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.data for answer in answers}) == 1
    assert count(app, Delivery) == 1


def test_twenty_at_once_create_one(app: Flask, api: Api) -> None:
    answers = at_once([partial(api, "POST", "/webhooks", WEBHOOK, headers=KEY) for _ in range(20)])

    assert count(app, Webhook) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    secrets = [answer.get_json()["secret"] for answer in answers if answer.status_code == 201]
    assert len([secret for secret in secrets if secret != MASK]) == 1, "one of them is told the secret"
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert all(answer.get_json()["code"] == "CONFLICT" for answer in waiting)
    assert all(answer.headers["Retry-After"] == "1" for answer in waiting)
    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).status_code == 201
    assert count(app, Webhook) == 1


def test_key_of_another_request_is_refused(app: Flask, people: People, api: Api) -> None:
    api("POST", "/webhooks", WEBHOOK, headers=KEY)
    second = Api(people.app, people.acme.id, people.alice.id, ["admin:full"])

    others = [
        api("POST", "/webhooks", WEBHOOK | {"name": "Another"}, headers=KEY),
        api("POST", "/event-types", {"name": "order.shipped"}, headers=KEY),
        second("POST", "/webhooks", WEBHOOK, headers=KEY),
    ]

    assert [answer.status_code for answer in others] == [422, 422, 422]
    assert all(messages(answer).keys() == {"Idempotency-Key"} for answer in others)
    assert count(app, Webhook) == 1


def test_teams_do_not_share_keys(app: Flask, api: Api, other_api: Api) -> None:
    answers = [one("POST", "/webhooks", WEBHOOK, headers=KEY) for one in (api, other_api)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert count(app, Webhook) == 2


def test_refusals_are_repeated_too(app: Flask, api: Api) -> None:
    api("POST", "/event-types", {"name": "order.shipped"})
    first = api("POST", "/event-types", {"name": "order.shipped"}, headers=KEY)
    api("DELETE", "/event-types/order.shipped")

    again = api("POST", "/event-types", {"name": "order.shipped"}, headers=KEY)

    assert (first.status_code, again.status_code) == (409, 409)
    assert again.data == first.data
    assert again.content_type == "application/problem+json"


def test_what_does_not_fit_the_schema_leaves_the_key_free(api: Api) -> None:
    assert api("POST", "/webhooks", {"name": "x"}, headers=KEY).status_code == 422
    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).status_code == 201


def test_server_errors_leave_the_key_free(app: Flask, api: Api) -> None:
    # The table is gone for a moment: a real error of the database, in the middle of the view.
    with app.app_context():
        db.session.execute(db.text("ALTER TABLE webhooks RENAME TO webhooks_away"))
        db.session.commit()
        db.session.remove()
    try:
        broken = api("POST", "/webhooks", WEBHOOK, headers=KEY)
    finally:
        with app.app_context():
            db.session.execute(db.text("ALTER TABLE webhooks_away RENAME TO webhooks"))
            db.session.commit()
            db.session.remove()

    assert broken.status_code >= 500
    assert count(app, IdempotencyRecord) == 0
    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).status_code == 201


def test_key_of_a_request_that_died_is_free_after_a_minute(app: Flask, api: Api) -> None:
    api("POST", "/webhooks", WEBHOOK, headers=KEY)
    age(app, timedelta(seconds=50), status=None, body_sealed=None, committed_at=None)
    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).status_code == 409

    age(app, timedelta(seconds=61))
    answers = at_once([partial(api, "POST", "/webhooks", WEBHOOK, headers=KEY) for _ in range(5)])

    assert 201 in {answer.status_code for answer in answers}
    assert count(app, Webhook) == 2
    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).headers["Idempotency-Replayed"] == "true"


def test_late_request_overwrites_no_answer(app: Flask, people: People) -> None:
    with app.app_context():
        dead = services.claim(people.acme.id, "k", "digest")
        assert isinstance(dead, services.Claim)
    age(app, timedelta(seconds=61))
    with app.app_context():
        alive = services.claim(people.acme.id, "k", "digest")
        assert isinstance(alive, services.Claim)
        services.keep(alive, 201, b"{}")

        services.keep(dead, 500, b"late")
        services.release(dead)

        assert services.claim(people.acme.id, "k", "digest") == services.Answer(201, b"{}")


def test_late_request_creates_nothing(app: Flask, people: People, api: Api) -> None:
    settings = WebhookSettings(**WEBHOOK, max_retries=3, first_retry_s=10, retry_multiplier=2.0, timeout_s=15)
    with app.app_context():
        dead = services.claim(people.acme.id, "k", "digest")
        assert isinstance(dead, services.Claim)
    age(app, timedelta(seconds=61))
    with app.app_context():
        assert isinstance(services.claim(people.acme.id, "k", "digest"), services.Claim)

        with services.running_under(dead), pytest.raises(Conflict, match="was run instead"):
            create_webhook(people.acme.id, settings)
        db.session.rollback()

    assert count(app, Webhook) == 0


def test_request_that_fails_after_its_commit_is_not_run_again(app: Flask, people: People) -> None:
    with app.app_context():
        claim = services.claim(people.acme.id, "k", "digest")
        assert isinstance(claim, services.Claim)
        with services.running_under(claim):
            services.record_outcome(db.session(), "wh_1")
            db.session.commit()

        services.release(claim)
        services.keep(claim, 404, b"{}")

        assert services.claim(people.acme.id, "k", "digest") == services.Committed("wh_1")


def test_service_that_does_not_record_what_it_created_is_not_run_again_either(
    app: Flask, people: People
) -> None:
    with app.app_context():
        claim = services.claim(people.acme.id, "k", "digest")
        assert isinstance(claim, services.Claim)
        with services.running_under(claim):
            db.session.execute(update(Team).values(name="Renamed"))
            with db.session.begin_nested():
                db.session.execute(update(Team).values(name="Renamed again"))
            savepoint_only = db.session.scalar(select(IdempotencyRecord.committed_at))
            db.session.rollback()
            assert savepoint_only is None, "releasing a SAVEPOINT commits nothing"
            db.session.execute(update(Team).values(name="Renamed"))
            db.session.commit()

        assert services.claim(people.acme.id, "k", "digest") == services.Committed(None)


def test_outcome_is_recorded_on_a_connection_of_another_thread(app: Flask, people: People) -> None:
    with app.app_context():
        claim = services.claim(people.acme.id, "k", "digest")
        assert isinstance(claim, services.Claim)
        engine = db.engine

    def commit_for_it() -> None:
        with engine.begin() as connection:
            services.record_outcome(connection, "evt_1", claim=claim)

    at_once([commit_for_it])

    with app.app_context():
        assert services.claim(people.acme.id, "k", "digest") == services.Committed("evt_1")


def test_repetition_after_the_object_was_deleted_creates_nothing(app: Flask, api: Api) -> None:
    webhook_id = api("POST", "/webhooks", WEBHOOK, headers=KEY).get_json()["id"]
    age(app, timedelta(seconds=1), status=None, body_sealed=None)
    api("DELETE", f"/webhooks/{webhook_id}")

    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).status_code == 404
    assert count(app, Webhook) == 1


def test_answers_are_kept_for_a_day_and_trimmed_then(app: Flask, api: Api) -> None:
    api("POST", "/webhooks", WEBHOOK, headers=KEY)
    age(app, timedelta(hours=23))
    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).headers["Idempotency-Replayed"] == "true"

    age(app, timedelta(hours=24, seconds=1))
    assert "Idempotency-Replayed" not in api("POST", "/webhooks", WEBHOOK, headers=KEY).headers
    assert count(app, Webhook) == 2

    age(app, timedelta(hours=24, seconds=1))
    with app.app_context():
        assert services.trim() == 1
        assert services.trim() == 0
    assert count(app, IdempotencyRecord) == 0


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "schlüssel"])
def test_bad_keys_are_malformed(app: Flask, api: Api, key: str) -> None:
    answer = api("POST", "/webhooks", WEBHOOK, headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.get_json()["code"]) == (400, "VALIDATION_ERROR")
    assert count(app, Webhook) == 0


def test_key_that_lacks_the_scope_sees_no_recorded_answer(people: People, api: Api) -> None:
    api("POST", "/webhooks", WEBHOOK, headers=KEY)
    reader = Api(people.app, people.acme.id, people.alice.id, ["webhooks:read"])

    assert reader("POST", "/webhooks", WEBHOOK, headers=KEY).status_code == 403


def test_requests_without_a_key_leave_nothing(app: Flask, api: Api) -> None:
    api("POST", "/webhooks", WEBHOOK)

    assert count(app, IdempotencyRecord) == 0
