"""Requests that are repeated under their Idempotency-Key: one effect, one answer."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.extensions import db
from app.idempotency import services
from app.idempotency.models import KeptAnswer
from app.lib import clock
from app.webhooks.models import Delivery, Webhook
from tests.api.races import at_once
from tests.events.api import WEBHOOK, Api, messages
from tests.people import People

pytestmark = pytest.mark.postgresql

KEY = {"Idempotency-Key": "4f1c2f0e-6f0b-4b7f-9a55-0d7a3f0f9f6e"}
CREATIONS: list[tuple[str, dict[str, Any]]] = [
    ("/webhooks", WEBHOOK),
    ("/event-types", {"name": "order.shipped"}),
    ("/invitations", {"role": "viewer"}),
]


def count(app: Flask, model: type) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def age(app: Flask, by: timedelta, **values: Any) -> None:
    """Let the kept answers be older."""
    with app.app_context():
        db.session.execute(update(KeptAnswer).values(created_at=clock.now() - by, **values))
        db.session.commit()
        db.session.remove()


@pytest.mark.parametrize(("path", "body"), CREATIONS)
def test_repetition_gets_the_first_answer_and_creates_nothing(
    api: Api, path: str, body: dict[str, Any]
) -> None:
    first = api("POST", path, body, headers=KEY)
    again = api("POST", path, body, headers=KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.content_type == first.content_type
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    own = [row for row in api("GET", path).get_json()["data"] if row.get("is_own", True)]
    assert len(own) == 1


def test_test_event_is_sent_once(app: Flask, api: Api) -> None:
    path = f"/webhooks/{api.new_webhook()['id']}/test"

    answers = [api("POST", path, headers=KEY) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.data for answer in answers}) == 1
    assert count(app, Delivery) == 1


def test_secrets_in_kept_answers_are_sealed(app: Flask, api: Api) -> None:
    secret = api("POST", "/webhooks", WEBHOOK, headers=KEY).get_json()["secret"]

    with app.app_context():
        sealed = db.session.scalars(select(KeptAnswer.body_sealed)).one()

    assert sealed
    assert secret not in sealed
    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).get_json()["secret"] == secret


def test_twenty_at_once_create_one(app: Flask, api: Api) -> None:
    answers = at_once([partial(api, "POST", "/webhooks", WEBHOOK, headers=KEY) for _ in range(20)])

    assert count(app, Webhook) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.data for answer in answers if answer.status_code == 201}) == 1
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
    assert count(app, KeptAnswer) == 0
    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).status_code == 201


def test_key_of_a_request_that_died_is_free_after_a_minute(app: Flask, api: Api) -> None:
    api("POST", "/webhooks", WEBHOOK, headers=KEY)
    age(app, timedelta(seconds=50), status=None, body_sealed=None)
    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).status_code == 409

    age(app, timedelta(seconds=61))
    answers = at_once([partial(api, "POST", "/webhooks", WEBHOOK, headers=KEY) for _ in range(5)])

    assert 201 in {answer.status_code for answer in answers}
    assert count(app, Webhook) == 2
    assert api("POST", "/webhooks", WEBHOOK, headers=KEY).headers["Idempotency-Replayed"] == "true"


def test_who_comes_back_late_overwrites_no_answer(app: Flask, people: People) -> None:
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
    assert count(app, KeptAnswer) == 0


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "schlüssel"])
def test_bad_keys_are_malformed(app: Flask, api: Api, key: str) -> None:
    answer = api("POST", "/webhooks", WEBHOOK, headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.get_json()["code"]) == (400, "VALIDATION_ERROR")
    assert count(app, Webhook) == 0


def test_key_that_lacks_the_scope_sees_no_kept_answer(people: People, api: Api) -> None:
    api("POST", "/webhooks", WEBHOOK, headers=KEY)
    reader = Api(people.app, people.acme.id, people.alice.id, ["webhooks:read"])

    assert reader("POST", "/webhooks", WEBHOOK, headers=KEY).status_code == 403


def test_requests_without_a_key_leave_nothing(app: Flask, api: Api) -> None:
    api("POST", "/webhooks", WEBHOOK)

    assert count(app, KeptAnswer) == 0
