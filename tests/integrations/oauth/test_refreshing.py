"""Refreshing: ahead, on demand and after a refusal; one at a time; what fails for a while, and what for good."""

import threading
import time
from datetime import timedelta

import pytest
from flask import Flask

from app.extensions import db
from app.integrations.mails import reconnect_notice
from app.integrations.services.integrations import update_integration
from app.integrations.services.refreshing import refresh_version
from app.integrations.services.refreshing_due import refresh_due
from app.integrations.services.tokens import access_token_of
from app.lib import clock
from app.lib.errors import Conflict, Unavailable
from tests.integrations.oauth.conftest import Connecting
from tests.page import Page

MINUTE = timedelta(minutes=1)


def make_due(connected: Connecting, **values: object) -> None:
    connected.change(due_at=clock.now() - MINUTE, **values)


def run_job(connected: Connecting) -> int:
    with connected.app.app_context():
        return refresh_due()


def test_a_connection_is_refreshed_ahead_of_its_end(connected: Connecting) -> None:
    assert run_job(connected) == 0, "it is not due"
    before, earlier = connected.connection(), connected.tokens()
    make_due(connected)
    assert run_job(connected) == 1
    after, later = connected.connection(), connected.tokens()
    assert (after.token_version, after.state, after.lease) == (before.token_version + 1, "connected", None)
    assert after.due_at
    assert after.due_at > clock.now() + 15 * MINUTE
    assert later.access_token != earlier.access_token
    assert later.refresh_token != earlier.refresh_token
    assert connected.refreshes() == 1
    assert connected.call().result.status_code == 200


def test_a_token_that_has_ended_is_refreshed_for_the_call(connected: Connecting) -> None:
    connected.end_access_token()
    assert connected.call().result.status_code == 200
    assert connected.refreshes() == 1
    assert connected.call().result.status_code == 200
    assert connected.refreshes() == 1


def test_an_answer_without_a_refresh_token_keeps_the_stored_one(connected: Connecting) -> None:
    earlier = connected.tokens().refresh_token
    connected.authority.in_answers = {"refresh_token": None, "scope": None}
    make_due(connected)
    run_job(connected)
    assert connected.tokens().refresh_token == earlier
    assert connected.connection().granted_scope == "read write"


def test_a_refusal_by_the_service_is_answered_with_new_tokens_once(connected: Connecting) -> None:
    for token in connected.authority.tokens:
        token.access_token = "no longer this one"
    connected.change(refreshed_at=clock.now() - MINUTE)
    outcome = connected.call()
    assert (outcome.result.status_code, outcome.tries) == (200, 2)
    assert connected.refreshes() == 1


def test_a_refusal_of_young_tokens_asks_for_no_others(connected: Connecting) -> None:
    connected.authority.tokens.clear()
    for _ in range(3):
        outcome = connected.call()
        assert (outcome.result.status_code, outcome.tries) == (401, 1)
    assert connected.refreshes() == 0


@pytest.mark.postgresql
def test_of_many_at_once_one_refreshes(connected: Connecting) -> None:
    connected.end_access_token()
    connection_id, found, failed = connected.connection().id, [], []

    def call() -> None:
        with connected.app.app_context():
            try:
                found.append(access_token_of(connection_id).access_token)
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(set(found)) == 1
    assert connected.refreshes() == 1
    assert connected.authority.by_access_token(found[0]) is not None


def test_a_refused_grant_has_to_be_reconnected_and_is_said_once(connected: Connecting, page: Page) -> None:
    for token in connected.authority.tokens:
        token.is_revoked = True
    connected.end_access_token()
    make_due(connected)
    run_job(connected)
    row = connected.connection()
    assert (row.state, row.reason_code, row.due_at) == ("needs_reconnect", "invalid_grant", None)
    assert "ended the connection" in (row.reason or "")
    with connected.app.app_context():
        refresh_version(row.id, row.token_version)
    assert connected.trail() == ["connected", "needs_reconnect"]
    assert connected.events() == ["signalbox.integration.needs_reconnect"]
    assert connected.mail_count() == 2, "one for each of the owner and the admin"
    with pytest.raises(Conflict, match="has to be reconnected"):
        connected.call()
    shown = page.get(connected.path, connected.people.bob)
    assert shown.has_text("It has to be reconnected")
    assert page.get("/t/acme/", connected.people.vic).has_text("Connection ended")

    before = row.id
    connected.connect()
    row = connected.connection()
    assert (row.id, row.state, row.reason) == (before, "connected", None)
    assert connected.trail()[2:] == ["reconnected", "recovered"]
    assert connected.events()[1:] == ["signalbox.integration.reconnected"]
    assert connected.call().result.status_code == 200


def test_the_mail_says_why_and_where(connected: Connecting) -> None:
    connected.change(state="needs_reconnect", reason="It was revoked.")
    with connected.app.app_context():
        bob, mel = connected.people.bob.id, connected.people.mel.id
        mail = reconnect_notice(connected.integration_id, bob)
        assert mail is not None
        assert mail.context["reason"] == "It was revoked."
        assert str(mail.context["link"]).endswith(f"{connected.path}#connection")
        assert reconnect_notice(connected.integration_id, mel) is None
        connected.change(state="connected")
        assert reconnect_notice(connected.integration_id, bob) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b"<html>"),
        (429, b'{"error": "invalid_grant"}'),
        (408, b"{}"),
        (400, b'{"message": "no"}'),
        (307, b"{}"),
    ],
)
def test_what_may_pass_leaves_it_connected(
    connected: Connecting, page: Page, status: int, body: bytes
) -> None:
    connected.authority.instead = (status, body, 0)
    make_due(connected)
    run_job(connected)
    row = connected.connection()
    assert (row.state, row.refresh_failures, row.lease) == ("connected", 1, None)
    assert row.due_at
    assert timedelta(0) < row.due_at - clock.now() < MINUTE
    assert connected.events() == []
    assert page.get(connected.path, connected.people.bob).has_text(
        "The last refresh failed; it is tried again"
    )
    connected.authority.instead = None
    assert connected.call().result.status_code == 200, "the access token lives"
    make_due(connected)
    run_job(connected)
    row = connected.connection()
    assert (row.refresh_failures, row.last_refresh_error) == (0, None)


def test_while_the_provider_is_down_calls_fail_at_once_and_say_so(connected: Connecting, page: Page) -> None:
    connected.end_access_token()
    connected.authority.instead = (503, b"", 0)
    for _ in range(3):
        with pytest.raises(Unavailable, match="could not be refreshed yet"):
            connected.call()
    assert connected.refreshes() == 1, "the others waited for its next try"
    assert page.get(connected.path, connected.people.bob).has_text("was not refreshed yet")


def test_endless_refusals_without_a_reason_end_it(connected: Connecting) -> None:
    connected.end_access_token()
    connected.authority.instead = (400, b'{"message": "no"}', 0)
    make_due(connected, refresh_failures=18)
    run_job(connected)
    assert connected.connection().state == "connected"
    make_due(connected)
    run_job(connected)
    assert connected.connection().state == "needs_reconnect"


def test_a_refused_app_is_not_the_grants_fault(connected: Connecting, page: Page) -> None:
    connected.authority.client_secret = "rotated-there"
    make_due(connected)
    run_job(connected)
    row = connected.connection()
    assert (row.state, row.refresh_failures) == ("connected", 1)
    assert "client id or secret" in (row.last_refresh_error or "")

    connected.end_access_token()
    make_due(connected)
    run_job(connected)
    row = connected.connection()
    assert row.state == "app_refused"
    assert row.due_at, "it is tried again"
    assert connected.events() == ["signalbox.integration.needs_reconnect"]
    make_due(connected)
    run_job(connected)
    assert connected.events() == ["signalbox.integration.needs_reconnect"], "said once"
    assert page.get(connected.path, connected.people.bob).has_text("The provider refuses the app")

    with connected.app.app_context():
        answers = {"client_secret": "rotated-there"}
        update_integration(connected.team_id, connected.integration_id, {"answers": answers})
    make_due(connected)
    run_job(connected)
    assert connected.connection().state == "connected"
    assert connected.events()[1:] == ["signalbox.integration.reconnected"]
    assert connected.call().result.status_code == 200


def test_a_lost_race_is_no_ended_connection(connected: Connecting) -> None:
    """Another refresh stores newer tokens while ours is told that its refresh token is not valid any more."""
    connected.authority.instead = (400, b'{"error": "invalid_grant"}', 0.6)
    make_due(connected)
    thread = threading.Thread(target=run_job, args=(connected,))
    thread.start()
    wait_until(lambda: connected.refreshes() == 1)
    connected.change(token_version=7, lease=None, due_at=clock.now() + 30 * MINUTE)
    thread.join()
    row = connected.connection()
    assert (row.state, row.token_version, row.refresh_failures) == ("connected", 7, 0)
    assert connected.events() == []


def test_new_tokens_never_replace_newer_ones(connected: Connecting) -> None:
    before = connected.tokens()
    connected.authority.instead = (200, b'{"access_token": "late", "refresh_token": "late"}', 0.6)
    make_due(connected)
    thread = threading.Thread(target=run_job, args=(connected,))
    thread.start()
    wait_until(lambda: connected.refreshes() == 1)
    connected.change(token_version=7, lease=None, due_at=clock.now() + 30 * MINUTE)
    thread.join()
    assert connected.tokens() == before


def test_a_late_success_is_stored_even_after_its_lease(connected: Connecting) -> None:
    """The holder was stopped for longer than its lease; nobody else has newer tokens."""
    connected.authority.instead = (200, b'{"access_token": "late", "refresh_token": "late"}', 0.6)
    make_due(connected)
    thread = threading.Thread(target=run_job, args=(connected,))
    thread.start()
    wait_until(lambda: connected.refreshes() == 1)
    connected.change(lease="of somebody else")
    thread.join()
    assert connected.tokens().access_token == "late"


def test_a_holder_that_died_delays_and_no_more(connected: Connecting) -> None:
    connected.change(lease="of a dead one", due_at=clock.now() + MINUTE)
    connection = connected.connection()
    with connected.app.app_context(), pytest.raises(Unavailable, match="being refreshed"):
        refresh_version(connection.id, connection.token_version, wait_s=0.2)
    assert connected.refreshes() == 0
    connected.change(due_at=clock.now() - timedelta(seconds=1))
    assert run_job(connected) == 1
    assert connected.connection().token_version == connection.token_version + 1


def test_the_reason_tells_of_an_interrupted_refresh(connected: Connecting) -> None:
    """Killed after the provider had taken the refresh token, before the next one was stored."""
    make_due(
        connected,
        lease="of a dead one",
        last_refresh_error="A refresh was begun, and its answer is not stored (yet).",
    )
    for token in connected.authority.tokens:
        token.is_revoked = True
    run_job(connected)
    row = connected.connection()
    assert row.state == "needs_reconnect"
    assert "interrupted" in (row.reason or "")


def test_what_comes_after_a_disconnect_is_revoked(connected: Connecting) -> None:
    make_due(connected)
    connected.authority.instead = (200, b'{"access_token": "late", "refresh_token": "late"}', 0.6)
    thread = threading.Thread(target=run_job, args=(connected,))
    thread.start()
    wait_until(lambda: connected.refreshes() == 1)
    with connected.app.app_context():
        db.session.delete(db.session.merge(connected.connection()))
        db.session.commit()
    thread.join()
    revoked = [form["token"] for path, form in connected.authority.seen if path == "/revoke"]
    assert "late" in revoked


def test_without_a_refresh_token_it_ends_with_its_access_token(connecting: Connecting) -> None:
    connecting.authority.in_answers = {"refresh_token": None}
    connecting.connect()
    row = connecting.connection()
    assert row.state == "connected"
    assert row.due_at
    assert row.expires_at
    assert abs(row.due_at - row.expires_at) < MINUTE
    connecting.end_access_token()
    make_due(connecting)
    run_job(connecting)
    row = connecting.connection()
    assert (row.state, row.reason_code) == ("needs_reconnect", "expired")


def test_tokens_that_cannot_be_read_are_said_to_be(connected: Connecting) -> None:
    make_due(connected, tokens_sealed="v1.00000000.AAAA")
    run_job(connected)
    row = connected.connection()
    assert (row.state, row.refresh_failures) == ("connected", 1)
    assert "cannot be read" in (row.last_refresh_error or "")
    with pytest.raises(Conflict, match="cannot be read"):
        connected.call()


def test_by_hand_it_is_refreshed_when_it_is_not_due(connected: Connecting, page: Page) -> None:
    answer = connected.people.bob.visitor.post(f"{connected.path}/refresh")
    assert answer.status_code == 303
    assert connected.refreshes() == 1
    assert page.get(answer.location, connected.people.bob).has_text("The tokens are new.")
    connected.authority.instead = (503, b"", 0)
    answer = connected.people.bob.visitor.post(f"{connected.path}/refresh")
    assert page.get(answer.location, connected.people.bob).has_text("503")


def wait_until(condition: object) -> None:
    ends_at_s = clock.steady_s() + 20
    while not condition():  # type: ignore[operator]
        assert clock.steady_s() < ends_at_s
        time.sleep(0.01)


def test_the_job_is_declared(app: Flask) -> None:
    from app.jobs.table import declared_jobs

    assert any(job.name == "integrations.refresh" and job.every_s for job in declared_jobs())
