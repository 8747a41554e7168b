"""The pages of activity and health, and what the API returns of them."""

import csv
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.extensions import db
from app.integrations import jobs, rules
from app.integrations.models import CallCount, Connection, Integration
from app.integrations.services.trimming import COUNTS_KEPT_DAYS, trim_counts
from app.lib import clock
from app.request_log.models import LoggedRequest
from tests.api_client import Api
from tests.integrations.callers import SECRET, Caller
from tests.page import Page
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver, always

HOME = "/t/acme/integrations"


def count(
    caller: Caller, integration_id: str, *, ago: timedelta, calls: int, failures: int = 0, ms: int = 80
) -> None:
    """Store calls of so long ago that took about so long."""
    hour = (clock.now() - ago).replace(minute=0, second=0, microsecond=0)
    with caller.app.app_context():
        values = {"calls": calls, "failures": failures, rules.BUCKETS[rules.latency_bucket(ms)]: calls}
        db.session.add(CallCount(integration_id=integration_id, team_id=caller.team_id, hour=hour, **values))
        db.session.commit()


def connect(caller: Caller, integration_id: str, provider: str, **values: object) -> None:
    """Make it an integration of this provider that is connected."""
    with caller.app.app_context():
        integration = db.session.get_one(Integration, integration_id)
        integration.provider, integration.auth_method = provider, "oauth"
        connection = {
            "integration_id": integration_id,
            "team_id": caller.team_id,
            "tokens_sealed": "",
            "details": {},
        }
        db.session.add(Connection(**{**connection, **values}))
        db.session.commit()


@pytest.mark.postgresql
def test_activity_lists_calls_of_the_team_newest_first(
    caller: Caller, service: Receiver, people: People, page: Page
) -> None:
    first, second = caller.add(name="First"), caller.add(name="Second")
    caller.call(first, "/one")
    service.behaviour = always(404)
    caller.call(second, "/two", method="POST")

    document = page.get(f"{HOME}/activity", people.vic)

    assert [document.text(one) for one in document.all("code", class_="sb-request-path")] == [
        f"{caller.base_url.removeprefix('http://')}/two", f"{caller.base_url.removeprefix('http://')}/one",
    ]  # fmt: skip
    assert document.has_text("Second")
    assert not page.get(f"{HOME}/activity?integration_id={first}", people.vic).has_text("/two")
    assert page.get(f"{HOME}/activity?status=failed", people.vic).has_text("/two")
    assert not page.get(f"{HOME}/activity?status=failed", people.vic).has_text("/one")
    assert people.charlie.get(f"{HOME}/activity").status_code == 404


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("direction=out", ["/broken", "/late", "/fine"]),
        ("direction=in", ["/api/v1/events"]),
        ("status=none", ["/late"]),
        ("status=failed", ["/broken", "/late"]),
        ("status=5xx", ["/broken"]),
        ("status=2xx", ["/fine", "/api/v1/events"]),
        ("error_code=timeout_connect", ["/late"]),
        ("host=b.example", ["/late"]),
        ("method=POST", ["/broken"]),
        ("q=b.exam", ["/late"]),
        ("q=ep_1", ["/fine"]),
        ("integration_id=int_01k9zq7n3q9t5w8x1c4e6g0j2m", ["/broken", "/fine"]),
        ("integration_id=int_01k9zq7n3q9t5w8x1c4e6g0j2m&status=failed", ["/broken"]),
    ],
)
@pytest.mark.postgresql
def test_filters_of_the_one_list(
    caller: Caller, people: People, page: Page, query: str, wanted: list[str]
) -> None:
    common = {"team_id": caller.team_id, "method": "GET", "duration_ms": 1.0}
    outgoing = {
        **common,
        "direction": "out",
        "integration_id": "int_01k9zq7n3q9t5w8x1c4e6g0j2m",
        "host": "a.example",
    }
    rows = (
        {**common, "path": "/api/v1/events", "status": 200},
        {**outgoing, "path": "/fine", "status": 200, "source_id": "ep_1"},
        {**outgoing, "path": "/late", "status": None, "error_code": "timeout_connect", "host": "b.example",
         "integration_id": "int_01k9zq7n3q9t5w8x1c4e6g0j2n"},
        {**outgoing, "path": "/broken", "status": 500, "method": "POST", "error_code": "http_5xx"},
    )  # fmt: skip
    with caller.app.app_context():
        for number, row in enumerate(rows):
            db.session.add(LoggedRequest(id=f"req_01m7zwy30018f01hbzzjb7th{number:02}", **row))
        db.session.commit()

    html = page.get(f"/t/acme/requests/?{query}", people.alice).html

    shown = re.findall(r'class="sb-request-path">([^<]+)<', html)
    assert [one.removeprefix("a.example").removeprefix("b.example") for one in shown] == wanted


def test_a_call_is_shown_with_its_timing_headers_and_bodies(
    caller: Caller, service: Receiver, people: People, page: Page
) -> None:
    service.behaviour = always(503, body=b'{"error":"down"}')
    outcome = caller.call(caller.add(), "/tickets", method="POST", body=b'{"a":1}')

    for person, address in ((people.vic, f"{HOME}/activity/"), (people.alice, "/t/acme/requests/")):
        document = page.get(f"{address}{outcome.log_id}", person)
        assert document.has_text("The service failed: it answered 503.")
        assert document.has_text(f"{caller.base_url}/tickets")
        assert document.has_text("First byte")
        assert document.has_text('"error": "down"')
        assert document.has_text('{"error":"down"}')
        assert SECRET not in document.html
        assert f"{HOME}/int_" in document.html

    assert people.charlie.get(f"{HOME}/activity/{outcome.log_id}").status_code == 404


def test_a_call_of_the_api_is_no_activity(caller: Caller, people: People) -> None:
    with caller.app.app_context():
        logged = LoggedRequest(team_id=caller.team_id, method="GET", path="/", status=200, duration_ms=1)
        db.session.add(logged)
        db.session.commit()
        logged_id = logged.id
    assert people.vic.get(f"{HOME}/activity/{logged_id}").status_code == 404


def test_activity_is_downloaded_as_csv(caller: Caller, people: People) -> None:
    integration_id = caller.add()
    caller.call(integration_id, "/a?b=c")
    (row,) = csv.DictReader(people.vic.get(f"{HOME}/activity/export.csv").get_data(as_text=True).splitlines())
    assert (row["integration_id"], row["path"], row["status"]) == (integration_id, "/a?b=c", "200")


def test_the_api_lists_and_shows_calls_to_services(caller: Caller, api: Api) -> None:
    integration_id = caller.add()
    outcome = caller.call(integration_id, method="POST", body=b"{}")
    (row,) = api("GET", f"/requests?direction=out&integration_id={integration_id}").get_json()["data"]
    assert (row["id"], row["direction"], row["integration_name"], row["tries"]) == (
        outcome.log_id, "out", "Desk", 1,
    )  # fmt: skip
    shown = api("GET", f"/requests/{outcome.log_id}").get_json()
    assert shown["request_body"] == "{}"
    assert shown["first_byte_ms"] > 0
    assert api("GET", "/requests?direction=sideways").status_code == 422


@pytest.mark.postgresql
def test_health_shows_calls_failures_and_latency_of_the_range(
    caller: Caller, people: People, page: Page
) -> None:
    busy, quiet = caller.add(name="Busy", hourly_limit=10), caller.add(name="Quiet")
    count(caller, busy, ago=timedelta(hours=2), calls=90, ms=80)
    count(caller, busy, ago=timedelta(hours=1), calls=10, failures=10, ms=4000)
    count(caller, busy, ago=timedelta(days=3), calls=900, ms=80)
    caller.call(busy)

    day, week = page.get(f"{HOME}/health", people.vic), page.get(f"{HOME}/health?range=7d", people.vic)

    assert "101" in row_of(day, "Busy")
    assert "9.9 %" in row_of(day, "Busy")
    assert "1 of 10 per hour" in row_of(day, "Busy")
    assert "no limit" in row_of(day, "Quiet")
    assert "1,001" in row_of(week, "Busy")
    # 24 hours as bars, the last one going on.
    assert len(day.all("th", scope="row")) == 24 * 2
    assert len(page.get(f"{HOME}/health?range=30d", people.vic).all("th", scope="row")) == 30 * 2
    assert page.get(f"{HOME}/{quiet}/health", people.vic).has_text("None in this time.")
    assert page.get(f"{HOME}/{busy}/health?range=nonsense", people.vic).has_text("Latest calls")
    assert people.charlie.get(f"{HOME}/{busy}/health").status_code == 404


def test_health_says_what_will_end(caller: Caller, people: People, page: Page) -> None:
    salesforce, hubspot = caller.add(name="Sales"), caller.add(name="Ended")
    connect(
        caller, salesforce, "slack", grant_expires_at=clock.now() + timedelta(days=9, hours=1),
    )  # fmt: skip
    connect(
        caller, hubspot, "slack", state="needs_reconnect", grant_expires_at=clock.now() + timedelta(days=9)
    )
    document = page.get(f"{HOME}/health", people.vic)
    assert "Access ends on" in row_of(document, "Sales")
    assert "Access ends on" not in row_of(document, "Ended")


def test_the_integrations_page_shows_its_latest_calls(
    caller: Caller, service: Receiver, people: People, page: Page
) -> None:
    integration_id = caller.add()
    assert page.get(f"{HOME}/{integration_id}", people.vic).has_text("None yet, or older than what is kept.")
    outcome = caller.call(integration_id, "/latest")
    document = page.get(f"{HOME}/{integration_id}", people.vic)
    assert f"{HOME}/activity/{outcome.log_id}" in document.html


@pytest.mark.postgresql
def test_old_counts_are_deleted_and_new_ones_stay(caller: Caller) -> None:
    integration_id = caller.add()
    count(caller, integration_id, ago=timedelta(days=COUNTS_KEPT_DAYS + 1), calls=3)
    count(caller, integration_id, ago=timedelta(days=COUNTS_KEPT_DAYS - 1), calls=5)
    with caller.app.app_context():
        assert trim_counts() == 1
        jobs.trim_counts()
        assert db.session.scalars(select(CallCount.calls)).all() == [5]
        db.session.rollback()


def row_of(document: object, name: str) -> str:
    """Return the text of the row of an integration on the health page."""
    rows = [document.text(row) for row in document.all("tr")]  # type: ignore[attr-defined]
    (found,) = [" ".join(text.split()) for text in rows if name in text]
    return found


def test_time_is_cut_into_whole_hours_and_days() -> None:
    from app.integrations.queries.health import RANGES

    now = datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
    hours, days = RANGES["24h"].starts(now), RANGES["30d"].starts(now)
    assert (hours[0], hours[-1]) == (
        datetime(2026, 2, 28, 15, tzinfo=UTC),
        datetime(2026, 3, 1, 14, tzinfo=UTC),
    )
    assert (days[0], days[-1]) == (datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
