"""The pages of the request log: filters, one call in detail, refreshing."""

import csv
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from app.extensions import db
from app.lib import clock
from app.request_log.queries import REQUESTS
from tests.api_client import WEBHOOK, Api
from tests.page import Document, Page
from tests.people import People
from tests.request_log.conftest import RequestLog

pytestmark = pytest.mark.postgresql

LIST = "/t/acme/requests/"


def shown(document: Document) -> list[str]:
    """Return the ids of the requests in the order of the page."""
    return re.findall(r'class="sb-row-link" href="/t/acme/requests/(req_\w+)"', document.html)


def test_newest_stand_first_and_nothing_of_other_teams(
    people: People, page: Page, request_log: RequestLog, other_request_log: RequestLog
) -> None:
    ids = request_log.add_requests(3)
    [other] = other_request_log.add_requests(1)

    document = page.get(LIST, people.bob)

    assert shown(document) == list(reversed(ids))
    assert people.bob.get(f"{LIST}{other}").status_code == 404


def test_log_stands_beside_the_audit_trail_under_activity(people: People, page: Page) -> None:
    document = page.get(LIST, people.bob)

    (tabs,) = document.all("nav", class_="sb-tabs")
    assert [document.text(link) for link in tabs.iter("a")] == ["Audit trail", "Requests"]
    assert [link.get("href") for link in tabs.iter("a") if link.get("aria-current") == "page"] == [LIST]


@pytest.mark.parametrize("person", ["mel", "vic"])
def test_only_admins_read_the_log(people: People, person: str) -> None:
    assert getattr(people, person).get(LIST).status_code == 403
    assert people.charlie.get(LIST).status_code == 404


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("status=2xx", ["ok"]),
        ("status=failed", ["limited", "wrong", "broken"]),
        ("status=4xx", ["limited", "wrong"]),
        ("status=5xx", ["broken"]),
        ("status=429", ["limited"]),
        ("method=POST", ["wrong"]),
        ("api_key_id=key_y", ["broken"]),
        ("q=/webhooks", ["wrong"]),
        ("q=rid-12345", ["broken"]),
    ],
)
def test_filters(people: People, page: Page, request_log: RequestLog, query: str, wanted: list[str]) -> None:
    now = clock.now()
    special: dict[str, dict[str, Any]] = {
        "ok": {},
        "limited": {"status": 429},
        "wrong": {"status": 422, "method": "POST", "path": "/api/v1/webhooks"},
        "broken": {"status": 500, "api_key_id": "key_y", "request_id": "rid-12345"},
    }
    ids = {
        name: request_log.add_requests(1, at=now - timedelta(seconds=number), **values)[0]
        for number, (name, values) in enumerate(special.items())
    }

    assert shown(page.get(f"{LIST}?{query}", people.alice)) == [ids[name] for name in wanted]


def test_filter_by_time_and_id(people: People, page: Page, request_log: RequestLog) -> None:
    ids = request_log.add_requests(5, at=datetime(2026, 3, 1, 12, tzinfo=UTC), apart=timedelta(hours=1))

    assert shown(page.get(f"{LIST}?from=2026-03-01T10:30&to=2026-03-01T12:00", people.alice)) == [ids[3]]
    assert shown(page.get(f"{LIST}?q={ids[1]}", people.alice)) == [ids[1]]


@pytest.mark.parametrize("query", ["status=broken", "status=999", "method=FETCH", "cursor=x", "from=x"])
def test_unreadable_filters_are_explained(
    people: People, page: Page, request_log: RequestLog, query: str
) -> None:
    assert page.get(f"{LIST}?{query}", people.alice, status=422).has_text("These filters cannot be read")


def test_older_requests_come_as_a_part(people: People, page: Page, request_log: RequestLog) -> None:
    ids = request_log.add_requests(60)
    first = page.get(LIST, people.alice)
    [link] = [a for a in first.all("a") if first.text(a) == "Older"]
    target = link.get("hx-target", "").removeprefix("#")

    part = people.alice.get(link.get("hx-get", ""), fragment=target).get_data(as_text=True)

    assert re.findall(r'<tbody id="([^"]+)"', part) == [target]
    assert re.findall(r'href="/t/acme/requests/(req_\w+)"', part) == list(reversed(ids[:10]))


def test_refused_call_shows_what_was_sent_and_answered(
    people: People, page: Page, api: Api, request_log: RequestLog
) -> None:
    api("POST", "/webhooks", {**WEBHOOK, "name": "", "headers": {"X-Token": "hunter2"}})
    (logged,) = request_log.requests()

    document = page.get(f"{LIST}{logged.id}", people.alice)

    assert document.has_text("VALIDATION_ERROR")
    assert document.has_text("Give it a name of 1 to 100 characters.")
    assert document.has_text("Authorization••••••") or document.has_text("Authorization ••••••")
    assert "hunter2" not in document.html


def test_accepted_call_shows_what_it_changed(
    people: People, page: Page, api: Api, request_log: RequestLog
) -> None:
    api("POST", "/webhooks", WEBHOOK)
    (logged,) = request_log.requests()

    document = page.get(f"{LIST}{logged.id}", people.alice)

    assert document.has_text("What it changed")
    assert document.has_text("Webhook created Order desk")
    assert document.has_text("kept only of those that were refused or failed")


def test_filtering_and_pausing_answer_with_their_parts(
    people: People, page: Page, request_log: RequestLog
) -> None:
    request_log.add_requests(2)

    assert len(shown(page.fragment(f"{LIST}?status=2xx", "request-list", people.alice))) == 2
    assert page.fragment(f"{LIST}?paused=1", "list-bar", people.alice).has_text("Refreshing is paused.")


def test_refresh_replaces_rows_only_while_nobody_reads(
    people: People, page: Page, request_log: RequestLog
) -> None:
    request_log.add_requests(2)
    refresh = page.get(LIST, people.alice).by_id("list-news").get("hx-get", "")
    assert people.alice.get(refresh, fragment="list-news").status_code == 204
    [new] = request_log.add_requests(1, at=clock.now())

    assert shown(page.fragment(refresh, "list-news", people.alice)) == []
    assert shown(page.fragment(f"{refresh}&idle=1", "list-news", people.alice))[0] == new


def test_empty_lists_say_what_to_do(people: People, page: Page, request_log: RequestLog) -> None:
    assert page.get(LIST, people.alice).has_text("Nobody has called the API yet")
    assert page.get(f"{LIST}?status=5xx", people.alice).has_text("No request matches")


def test_requests_are_downloaded_whole_and_filtered(
    people: People, request_log: RequestLog, other_request_log: RequestLog
) -> None:
    request_log.add_requests(3)
    ids = request_log.add_requests(2, status=429, at=clock.now())
    other_request_log.add_requests(1, status=429)

    answer = people.bob.get(f"{LIST}export.csv?status=failed")

    assert answer.content_type == "text/csv; charset=utf-8"
    assert f"requests-acme-{clock.now():%Y-%m-%d}.csv" in answer.headers["Content-Disposition"]
    assert [row["id"] for row in csv.DictReader(answer.get_data(as_text=True).splitlines())] == list(
        reversed(ids)
    )


def test_failed_requests_are_read_from_their_own_index(
    app: Flask, request_log: RequestLog, database_kind: str
) -> None:
    """Few fail: without it SQLite would walk all of the team's requests to find a page of them."""
    if database_kind != "sqlite":
        pytest.skip("PostgreSQL chooses by what it counted.")
    asked: list[tuple[str, Any]] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note := lambda *a: asked.append((a[2], a[3])))
        REQUESTS.find(request_log.team_id, REQUESTS.select(status="failed"))
        event.remove(db.engine, "before_cursor_execute", note)
        connection = db.session.connection()
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all())
            for statement, values in asked
        ]
        db.session.remove()

    assert len(plans) == 2
    assert all("ix_logged_requests_failed" in plan for plan in plans)
