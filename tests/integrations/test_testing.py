"""Tests of integrations: the request that shows whether one works."""

import orjson
import pytest
from flask import Flask
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.extensions import db
from app.integrations.providers import get_provider
from app.integrations.queries.integrations import get_row
from app.integrations.services import testing
from app.integrations.services.integrations import create_integration, set_enabled
from app.integrations.services.settings import IntegrationSettings
from app.lib.errors import Invalid
from tests.page import Page
from tests.people import People
from tests.webhooks.dispatch.receivers import Received, Receiver, Reply, always, in_turn

SECRET_PATH = "/services/1/2/secret"


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("slack", {"text": "Signalbox can post to this channel."}),
        ("n8n", {"event": "signalbox.test"}),
        ("zapier", {"event": "signalbox.test"}),
    ],
)
def test_a_secret_address_is_tested_by_a_request_to_it(
    app: Flask, people: People, service: Receiver, provider: str, body: dict[str, str]
) -> None:
    address = service.url.removesuffix("/hook") + SECRET_PATH
    settings = IntegrationSettings(name="Desk", auth_method="webhook", answers={"webhook_url": address})
    with app.app_context():
        integration_id = create_integration(people.acme.id, provider, settings)
        report = testing.test_integration(people.acme.id, integration_id)

    (received,) = service.received
    assert (received.method, received.path) == ("POST", SECRET_PATH)
    assert (orjson.loads(received.body), received.headers["content-type"]) == (body, "application/json")
    assert report.succeeded
    assert SECRET_PATH not in repr(report)


def test_a_graphql_error_is_no_success_although_the_status_is(
    app: Flask, people: People, service: Receiver
) -> None:
    service.behaviour = always(200, body=b'{"errors": [{"message": "Who are you?"}]}')
    answers = {"base_url": service.url, "token": "t"}
    settings = IntegrationSettings(name="Graph", auth_method="bearer", answers=answers)
    with app.app_context():
        integration_id = create_integration(people.acme.id, "graphql", settings)
        report = testing.test_integration(people.acme.id, integration_id)

    assert not report.succeeded
    assert "Who are you?" in report.words


def test_words_of_the_service_are_kept_without_secrets(app: Flask, people: People, service: Receiver) -> None:
    service.behaviour = always(200, body=b'{"errors": [{"message": "Who is hush-hush?"}]}')
    answers = {"base_url": service.url, "token": "hush-hush"}
    settings = IntegrationSettings(name="Graph", auth_method="bearer", answers=answers)
    with app.app_context():
        integration_id = create_integration(people.acme.id, "graphql", settings)
        testing.test_integration(people.acme.id, integration_id)
        assert "hush" not in get_row(people.acme.id, integration_id).report.reason
        assert "hush" not in repr([entry.detail for entry in db.session.scalars(select(AuditEntry))])


SECRET = "s3cret-of-the-service"


@pytest.fixture
def desk(app: Flask, people: People, service: Receiver) -> str:
    """Return an integration with the test's service."""
    return add_desk(app, people, service.url.removesuffix("/hook"))


def add_desk(app: Flask, people: People, base_url: str, token: str = SECRET) -> str:
    answers = {"base_url": base_url, "check_path": "/me", "token": token}
    settings = IntegrationSettings(name="Desk", auth_method="bearer", answers=answers)
    with app.app_context():
        return create_integration(people.acme.id, "rest", settings)


def run_test(app: Flask, people: People, integration_id: str) -> testing.TestReport:
    with app.app_context():
        return testing.test_integration(people.acme.id, integration_id)


def status_of(app: Flask, people: People, integration_id: str) -> tuple[str, str]:
    with app.app_context():
        report = get_row(people.acme.id, integration_id).report
        return str(report.status), report.reason


@pytest.mark.parametrize(
    ("reply", "words", "advice"),
    [
        (Reply(401), "refused the credentials: it answered 401", "Write them again"),
        (Reply(403), "it answered 403", "missing scope"),
        (Reply(404), "answered 404", "Check the address"),
        (Reply(302, headers=(("Location", "http://127.0.0.1:1/"),)), "answered 302", "Redirects are not followed"),
        (Reply(503), "The service failed: it answered 503", "status page"),
    ],
)  # fmt: skip
def test_a_failure_says_what_to_do_and_is_the_integrations_status(
    app: Flask, people: People, service: Receiver, desk: str, reply: Reply, words: str, advice: str
) -> None:
    service.behaviour = in_turn(reply)
    report = run_test(app, people, desk)
    assert not report.succeeded
    assert words in report.words
    assert advice in report.advice
    assert report.status_code == reply.status
    status, reason = status_of(app, people, desk)
    assert (status, words in reason) == ("ERROR", True)


def test_an_answer_that_it_came_too_often_says_nothing_about_the_integration(
    app: Flask, people: People, service: Receiver, desk: str
) -> None:
    service.behaviour = always(429)
    report = run_test(app, people, desk)
    assert not report.succeeded
    assert "Wait, then test again" in report.advice
    assert status_of(app, people, desk)[0] == "ACTIVE"


def test_a_success_ends_an_error(app: Flask, people: People, service: Receiver, desk: str) -> None:
    service.behaviour = always(500)
    run_test(app, people, desk)
    service.behaviour = always(200)
    assert run_test(app, people, desk).succeeded
    assert status_of(app, people, desk) == ("ACTIVE", "The last call succeeded.")


def test_an_integration_that_is_off_is_tested_all_the_same(
    app: Flask, people: People, service: Receiver, desk: str
) -> None:
    with app.app_context():
        set_enabled(people.acme.id, desk, is_enabled=False)
    assert run_test(app, people, desk).succeeded


def test_the_answer_is_shown_without_secrets_and_cut(
    app: Flask, people: People, service: Receiver, desk: str
) -> None:
    body = b'{"echo": "' + SECRET.encode() + b'", "password": "p4ss", "rest": "' + b"x" * 20_000 + b'"}'
    service.behaviour = always(
        200, body=body, headers=(("Set-Cookie", "a=b"), ("X-Echo", f"Bearer {SECRET}"))
    )
    report = run_test(app, people, desk)
    assert report.is_body_cut
    assert len(report.body) <= testing.SHOWN_MAX_BYTES + 100
    shown = repr(report)
    assert SECRET not in shown
    assert "p4ss" not in shown
    assert "a=b" not in shown


@pytest.mark.parametrize("length", range(4, len(SECRET)))
def test_a_secret_that_is_cut_off_is_masked(
    app: Flask, people: People, service: Receiver, desk: str, length: int
) -> None:
    service.behaviour = always(
        200, body=b" " * (testing.SHOWN_MAX_BYTES - length) + SECRET.encode() + b" end"
    )
    assert SECRET[:4] not in run_test(app, people, desk).body


def test_a_host_that_does_not_resolve_and_one_that_is_refused_look_alike(app: Flask, people: People) -> None:
    reports = []
    for host in ("nowhere.invalid", "metadata.google.internal"):
        integration_id = add_desk(app, people, f"http://{host}/")
        reports.append(run_test(app, people, integration_id))
    for report in reports:
        assert "did not resolve in time" in report.words
        assert report.total_ms is None
        assert "OUTBOUND_ALLOWED_NETWORKS" in report.advice


def test_a_value_that_no_header_carries_is_refused_with_a_reason(
    app: Flask, people: People, service: Receiver
) -> None:
    integration_id = add_desk(app, people, service.url.removesuffix("/hook"), token="clé")
    with pytest.raises(Invalid, match="Authorization"):
        run_test(app, people, integration_id)


def test_no_session_is_open_while_the_service_answers(
    app: Flask, people: People, service: Receiver, desk: str
) -> None:
    seen: list[object] = []

    def look(_received: Received) -> Reply:
        with app.app_context():
            seen.append(db.engine.pool.checkedout())  # type: ignore[attr-defined]
        return Reply(200)

    service.behaviour = look
    run_test(app, people, desk)
    assert seen == [0]


def test_the_page_shows_the_real_answer_and_the_new_status(
    app: Flask, people: People, page: Page, service: Receiver, desk: str
) -> None:
    show = f"/t/acme/integrations/{desk}"
    service.behaviour = always(401, body=b'{"message":"Bad credentials"}')
    whole = page.read(people.mel.post(show + "/test"))
    assert whole.has_text("It does not work")
    assert whole.has_text("Bad credentials")
    service.behaviour = always(200, body=b'{"login":"ann"}')
    part = people.mel.post(show + "/test", fragment="test").get_data(as_text=True)
    assert "It works" in part
    assert 'id="integration-status" hx-swap-oob="true"' in part
    assert "Bad credentials" not in part
    assert "<html" not in part


def test_the_page_says_before_what_a_test_leaves_behind(app: Flask, people: People, page: Page) -> None:
    settings = IntegrationSettings(
        name="Zap", auth_method="webhook", answers={"webhook_url": "https://hooks.zapier.com/hooks/catch/1/"}
    )
    with app.app_context():
        integration_id = create_integration(people.acme.id, "zapier", settings)
        provider = get_provider("zapier")
        check = provider.check_of(provider.auth_method("webhook"))
    assert check
    assert check.sends
    assert page.get(f"/t/acme/integrations/{integration_id}", people.mel).has_text(check.sends)
