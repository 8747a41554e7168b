"""Limits over HTTP: of pages, anonymous visitors and API keys; headers, refusals and their texts."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.services.limits import limit_user
from app.audit.models import AuditEntry
from app.config import Settings
from app.extensions import db
from app.lib.errors import RateLimited
from app.web.limits import strict
from tests.api_client import Api
from tests.people import People
from tests.waiting_jobs import run_waiting_jobs

Limited = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def limited(app: Flask) -> Limited:
    """Give the app other settings for a while."""

    @contextmanager
    def change(**changes: object) -> Iterator[None]:
        before: Settings = app.config["SETTINGS"]
        app.config["SETTINGS"] = before.model_copy(update=changes)
        try:
            yield
        finally:
            app.config["SETTINGS"] = before

    return change


def test_user_has_so_many_pages_a_minute(people: People, limited: Limited) -> None:
    mel = people.mel.visitor
    with limited(user_requests_per_minute=5):
        answers = [mel.get("/t/acme/events/") for _ in range(6)]

        assert [answer.status_code for answer in answers[-3:]] == [200, 200, 429] or answers[
            -1
        ].status_code == 429
        refused = answers[-1]
        assert int(refused.headers["Retry-After"]) <= 60
        assert "requests per minute" in refused.get_data(as_text=True)
        assert people.vic.get("/t/acme/events/").status_code == 200, "everybody has their own"
        assert mel.get("/static/css/app.css").status_code in (200, 404), "static files are free"
        assert mel.get("/healthz").status_code == 200


def test_refreshes_of_open_pages_do_not_use_up_the_clicks(people: People, limited: Limited) -> None:
    mel = people.mel.visitor
    with limited(user_requests_per_minute=10):
        for _ in range(30):
            assert mel.get("/t/acme/deliveries/", fragment="deliveries").status_code == 200
        assert mel.get("/t/acme/deliveries/").status_code == 200


def test_operator_gives_one_user_another_limit(app: Flask, people: People, limited: Limited) -> None:
    with limited(user_requests_per_minute=2):
        mel = people.mel.visitor
        while mel.get("/t/acme/events/").status_code == 200:
            pass
        with app.app_context():
            limit_user("mel@example.com", 50)

        answer = mel.get("/t/acme/events/")

    assert answer.status_code == 200, "at once"
    assert 40 < int(answer.headers["X-RateLimit-Remaining"]) < 50, "what was used stays used"


def test_stranger_has_so_many_requests_a_minute(people: People, limited: Limited) -> None:
    with limited(public_requests_per_minute=4):
        anybody = people.anybody()
        codes = [anybody.get("/sign-in").status_code for _ in range(6)]

    assert codes == [200, 200, 200, 200, 429, 429]


def test_addresses_that_no_route_serves_are_limited(people: People, limited: Limited) -> None:
    anybody, mel = people.anybody(), people.mel.visitor
    with limited(public_requests_per_minute=3):
        pages = [anybody.get(f"/wp-admin/{number}").status_code for number in range(5)]
        refused = anybody.get("/api/v1/nothing")
        redirected = anybody.get("/t/acme/events")
        elsewhere = anybody.get("/nothing", environ_base={"REMOTE_ADDR": "192.0.2.7"})
        served = anybody.get("/sign-in")

    assert pages == [404, 404, 404, 429, 429]
    assert refused.get_json()["violated-policies"] == ["unknown-minute"]
    assert (
        "3 requests for unknown addresses per minute of your network address" in refused.get_json()["detail"]
    )
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert redirected.status_code == 308, "the address with its slash is served"
    assert elsewhere.status_code == 404
    assert served.status_code == 200, "counted apart"
    assert mel.get("/t/acme/events/").status_code == 200


def test_requests_that_a_route_serves_do_not_pass_through_flask_limiter(app: Flask) -> None:
    for hooks in (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs):
        modules = [getattr(hook, "func", hook).__module__ for group in hooks.values() for hook in group]
        assert not [name for name in modules if name.startswith("flask_limiter")]


def test_one_ipv6_host_is_one_stranger(people: People, limited: Limited) -> None:
    anybody = people.anybody()
    with limited(public_requests_per_minute=3):
        codes = [
            anybody.get("/sign-in", environ_base={"REMOTE_ADDR": f"2001:db8:1:2::{number}"}).status_code
            for number in range(1, 6)
        ]
        elsewhere = anybody.get("/sign-in", environ_base={"REMOTE_ADDR": "2001:db8:1:3::1"})

    assert codes == [200, 200, 200, 429, 429]
    assert elsewhere.status_code == 200


def test_wrong_keys_are_counted_before_they_cost_anything(
    app: Flask, people: People, limited: Limited
) -> None:
    client = app.test_client()
    with limited(public_requests_per_minute=5):
        codes = [
            client.get("/api/v1/events", headers={"X-API-Key": f"nonsense {number}"}).status_code
            for number in range(5)
        ]
        assert codes == [401] * 5
    good = Api(people.app, people.acme.id, people.alice.id, ["events:read"])
    assert good("GET", "/events").status_code == 200


def test_answers_tell_what_is_left(people: People) -> None:
    api = Api(people.app, people.acme.id, people.alice.id, ["events:read"])
    answer = api("GET", "/events")

    assert answer.headers["X-RateLimit-Limit"] == "1000"
    assert answer.headers["X-RateLimit-Remaining"] == "999"
    assert int(answer.headers["X-RateLimit-Reset"]) > 1_700_000_000
    assert answer.headers["RateLimit-Policy"] == (
        '"key-hour";q=1000;w=3600, "key-day";q=10000;w=86400, "team-hour";q=20000;w=3600'
    )
    assert re.fullmatch(
        r'"key-hour";r=999;t=\d+, "key-day";r=9999;t=\d+, "team-hour";r=19999;t=\d+',
        answer.headers["RateLimit"],
    )
    assert "Retry-After" not in answer.headers


def test_refusal_names_its_limit_and_when_it_clears(app: Flask, people: People, limited: Limited) -> None:
    api = Api(people.app, people.acme.id, people.alice.id, ["events:read"])
    with limited(team_requests_per_hour_free=3):
        for _ in range(3):
            assert api("GET", "/events").status_code == 200
        refused = api("GET", "/events")
        again = api("GET", "/events")

    problem = refused.get_json()
    assert (refused.status_code, problem["code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert refused.content_type == "application/problem+json"
    assert problem["violated-policies"] == ["team-hour"]
    assert problem["type"].endswith("#quota-exceeded")
    assert "3 API requests per hour of this team" in problem["detail"]
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert again.status_code == 429
    assert run_waiting_jobs(app) == ["record_violation"], "once per window"
    with app.app_context():
        told = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "limit.reached")).all()
        assert [(entry.object_name, entry.actor_name) for entry in told] == [("team-hour", "tests")]
        assert told[0].detail == "All 3 uses within an hour are taken."
        db.session.remove()


def test_strict_limit_counts_ten_in_a_quarter_of_an_hour(app: Flask) -> None:
    with app.app_context():
        for _ in range(10):
            strict("key-creation", "usr_a")
        strict("key-creation", "usr_b")
        with pytest.raises(RateLimited) as refused:
            strict("key-creation", "usr_a")

    assert 800 < (refused.value.retry_after_s or 0) <= 901
