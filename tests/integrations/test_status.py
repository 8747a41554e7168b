"""The one function that decides how an integration is doing."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.integrations.status import Facts, NextStep, Status, status_of

MOMENT = datetime(2026, 3, 12, 8, 30, tzinfo=UTC)
WORKING = Facts(is_enabled=True, checked_at=MOMENT)
CONNECTED = replace(WORKING, uses_oauth=True, connection_state="connected")

CASES = {
    "off": (replace(WORKING, is_enabled=False), Status.INACTIVE, NextStep.ENABLE),
    "off, and failing": (
        replace(WORKING, is_enabled=False, failing_since=MOMENT),
        Status.INACTIVE,
        NextStep.ENABLE,
    ),
    "unreadable": (replace(WORKING, is_unreadable=True), Status.ERROR, NextStep.FILL_IN),
    "incomplete": (replace(WORKING, missing=("API token",)), Status.PENDING_SETUP, NextStep.FILL_IN),
    "no app": (replace(WORKING, uses_oauth=True, has_app=False), Status.PENDING_SETUP, NextStep.ADD_APP),
    "not connected": (replace(WORKING, uses_oauth=True), Status.PENDING_SETUP, NextStep.CONNECT),
    "connection ended": (
        replace(CONNECTED, connection_state="needs_reconnect", connection_reason="It was revoked."),
        Status.ERROR,
        NextStep.RECONNECT,
    ),
    "connection ended, and no app to renew it": (
        replace(CONNECTED, connection_state="needs_reconnect", has_app=False),
        Status.ERROR,
        NextStep.RECONNECT,
    ),
    "connected, the app was removed since": (replace(CONNECTED, has_app=False), Status.ACTIVE, NextStep.NONE),
    "failing": (
        replace(CONNECTED, failing_since=MOMENT, error_detail="It answered 500."),
        Status.ERROR,
        NextStep.TEST,
    ),
    "never tested": (replace(WORKING, checked_at=None), Status.ACTIVE, NextStep.TEST),
    "working": (CONNECTED, Status.ACTIVE, NextStep.NONE),
}


@pytest.mark.parametrize("case", CASES)
def test_status_follows_from_the_facts(case: str) -> None:
    facts, status, step = CASES[case]
    report = status_of(facts)
    assert (report.status, report.step) == (status, step)


@pytest.mark.parametrize("case", CASES)
def test_every_status_has_a_reason_and_all_but_working_a_next_step(case: str) -> None:
    report = status_of(CASES[case][0])
    assert report.reason.endswith(".")
    assert bool(report.next_step) == (report.step is not NextStep.NONE)


def test_an_error_says_what_happened_and_since_when() -> None:
    report = status_of(replace(CONNECTED, failing_since=MOMENT, error_detail="It answered 500."))
    assert (report.reason, report.since) == ("It answered 500.", MOMENT)
