"""Messages to Slack: what is sent, what Slack's answers mean, and how a text will look."""

from dataclasses import replace

import orjson
import pytest
from flask import Flask

from app.extensions import db
from app.integrations.addresses import origin_of
from app.integrations.models import Integration
from app.integrations.services.access import open_access
from app.integrations.services.integrations import create_integration
from app.integrations.services.messages import PostedMessage, post_message, post_through
from app.integrations.services.settings import IntegrationSettings
from app.integrations.slack_messages import escaped, explanation_of, read_answer, spans_of
from app.lib.errors import Conflict, Invalid, NotFound
from tests.api_client import Api
from tests.page import Page
from tests.people import People
from tests.webhooks.dispatch.receivers import Receiver, always

LIST = "/t/acme/integrations/"
HOOK_PATH = "/services/1/2/secret-of-the-hook"
TOKEN = "xoxb-of-the-test"


@pytest.fixture
def hook(app: Flask, people: People, service: Receiver) -> str:
    """Return the id of acme's integration with an incoming webhook."""
    service.behaviour = always(200, body=b"ok")
    address = service.url.removesuffix("/hook") + HOOK_PATH
    settings = IntegrationSettings(name="Support", auth_method="webhook", answers={"webhook_url": address})
    with app.app_context():
        return create_integration(people.acme.id, "slack", settings)


@pytest.fixture
def bot(app: Flask, people: People) -> str:
    """Return the id of acme's integration with a bot token."""
    settings = IntegrationSettings(name="Bot", auth_method="token", answers={"token": TOKEN})
    with app.app_context():
        return create_integration(people.acme.id, "slack", settings)


def post_by_bot(
    app: Flask, people: People, service: Receiver, bot: str, channel: str = "#support"
) -> PostedMessage:
    """Post through the Web API, which stands on the test's service."""
    base_url = service.url.removesuffix("/hook") + "/api"
    with app.app_context():
        access = open_access(people.acme.id, bot)
        here = replace(access, base_url=base_url, origins=frozenset({origin_of(base_url)}))
        return post_through(here, channel, "Hello")


def test_an_incoming_webhook_gets_the_text(app: Flask, people: People, service: Receiver, hook: str) -> None:
    with app.app_context():
        posted = post_message(people.acme.id, hook, "", "*Hello*")
    assert posted.posted
    (received,) = service.received
    assert (received.method, received.path) == ("POST", HOOK_PATH)
    assert orjson.loads(received.body) == {"text": "*Hello*"}


def test_the_web_api_gets_channel_and_text(app: Flask, people: People, service: Receiver, bot: str) -> None:
    service.behaviour = always(200, body=b'{"ok": true, "channel": "C1", "ts": "1503435956.000247"}')
    posted = post_by_bot(app, people, service, bot)
    assert (posted.posted, posted.channel, posted.ts) == (True, "C1", "1503435956.000247")
    (received,) = service.received
    assert received.path == "/api/chat.postMessage"
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert orjson.loads(received.body) == {"channel": "#support", "text": "Hello"}


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b'{"ok": false, "error": "not_in_channel"}', "not_in_channel", "The app is no member"),
        (
            b'{"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "users:read"}',
            "missing_scope",
            "lacks the scope chat:write",
        ),
        (b'{"ok": false, "error": "brand_new_word"}', "brand_new_word", "Slack answered brand_new_word."),
        (b'{"ok": "yes"}', "http_200", "Slack answered http_200."),
        (b"<html>", "http_200", "Slack answered http_200."),
        (b'["ok"]', "http_200", "Slack answered http_200."),
    ],
)
def test_a_refusal_with_a_status_of_success_is_none(
    app: Flask, people: People, service: Receiver, bot: str, body: bytes, error: str, words: str
) -> None:
    service.behaviour = always(200, body=body)
    posted = post_by_bot(app, people, service, bot)
    assert (posted.posted, posted.error) == (False, error)
    assert words in posted.words
    assert posted.advice


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, b"no_service", "no_service"),
        (410, b"channel_is_archived", "channel_is_archived"),
        (403, b"action_prohibited", "action_prohibited"),
        (500, b"<html>some page</html>", "http_500"),
    ],
)
def test_words_of_incoming_webhooks_are_explained(status: int, body: bytes, error: str) -> None:
    answer = read_answer(status, body, is_webhook=True)
    assert answer.error == error
    words, advice = explanation_of(answer)
    assert words
    assert advice


def test_a_service_that_cannot_be_reached_is_an_outcome(app: Flask, people: People) -> None:
    with Receiver() as gone:
        answers = {"webhook_url": gone.url}
    settings = IntegrationSettings(name="Gone", auth_method="webhook", answers=answers)
    with app.app_context():
        integration_id = create_integration(people.acme.id, "slack", settings)
        posted = post_message(people.acme.id, integration_id, "", "Hello")
    assert (posted.posted, posted.status_code, posted.is_temporary) == (False, None, True)


def test_only_what_concerns_the_credentials_stands_on_the_integration(
    app: Flask, people: People, service: Receiver, bot: str
) -> None:
    def state_after(error: str) -> str | None:
        service.behaviour = always(200, body=b'{"ok": false, "error": "%s"}' % error.encode())
        post_by_bot(app, people, service, bot)
        with app.app_context():
            return db.session.get_one(Integration, bot).error_detail

    assert state_after("channel_not_found") is None
    assert state_after("token_revoked") == "The token was revoked, or the app was removed from the workspace."
    # As the service shows by looking for the channel at all.
    assert state_after("channel_not_found") is None


@pytest.mark.parametrize(
    ("integration", "channel", "text", "field"),
    [
        ("bot", "", "Hello", "channel"),
        ("bot", "two words", "Hello", "channel"),
        ("bot", "#support", "  ", "text"),
        ("bot", "#support", "x" * 4001, "text"),
        ("bot", "#support", "a\0b", "text"),
        ("hook", "#support", "Hello", "channel"),
    ],
)
def test_what_slack_would_refuse_is_not_sent(
    app: Flask,
    people: People,
    service: Receiver,
    hook: str,
    bot: str,
    integration: str,
    channel: str,
    text: str,
    field: str,
) -> None:
    with app.app_context(), pytest.raises(Invalid) as raised:
        post_message(people.acme.id, {"bot": bot, "hook": hook}[integration], channel, text)
    assert [error.field for error in raised.value.errors] == [field]
    assert service.received == []


def test_other_integrations_post_no_messages(app: Flask, people: People, page: Page) -> None:
    settings = IntegrationSettings(name="Code", auth_method="token", answers={"token": "t"})
    with app.app_context():
        github = create_integration(people.acme.id, "github", settings)
        with pytest.raises(Conflict):
            post_message(people.acme.id, github, "#a", "Hello")
        with pytest.raises(NotFound):
            post_message(people.other.id, github, "#a", "Hello")
    assert people.mel.get(f"{LIST}{github}/message").location == LIST + github


def test_the_page_shows_a_preview_posts_and_explains(
    people: People, page: Page, service: Receiver, hook: str
) -> None:
    address = f"{LIST}{hook}/message"
    assert address in page.get(LIST + hook, people.mel).links()
    assert address not in page.get(LIST + hook, people.vic).links()
    assert people.vic.post(address, {"text": "Hello"}).status_code == 403
    preview = page.read(people.mel.post(address, {"text": "*Late* 1 < 2 &amp; <b", "action": "preview"}))
    assert preview.text(preview.by_id("message-preview")) == "Late 1 < 2 & <b"
    assert service.received == []
    fragment = people.mel.post(f"{address}/preview", {"text": "_soon_"}, fragment="message-preview")
    assert "<em>soon</em>" in fragment.get_data(as_text=True)

    assert people.mel.post(address, {"text": "*Late*", "action": "post"}).status_code == 303
    assert len(service.received) == 1
    assert page.get(address, people.mel).has_text("Posted to the webhook's channel.")
    service.behaviour = always(410, body=b"channel_is_archived")
    refused = page.read(people.mel.post(address, {"text": "Again", "action": "post"}))
    assert refused.status == 422
    assert refused.has_text("The channel is archived.")
    assert refused.by_id("text").text == "\r\nAgain" or refused.has_text("Again")
    assert "secret-of-the-hook" not in refused.html


def test_a_message_is_posted_over_the_api_and_a_repetition_posts_none(
    app: Flask, people: People, service: Receiver, hook: str
) -> None:
    api = Api(app, people.acme.id, people.alice.id, ["integrations:call"])
    for _ in range(2):
        answer = api(
            "POST",
            f"/integrations/{hook}/messages",
            {"text": "Hello"},
            headers={"Idempotency-Key": "m1"},
        )
        assert (answer.status_code, answer.get_json()["posted"]) == (200, True)
    assert len(service.received) == 1
    wrong = api("POST", f"/integrations/{hook}/messages", {"text": "", "channel": "#a"})
    assert wrong.status_code == 422
    reader = Api(app, people.acme.id, people.alice.id, ["integrations:read"])
    assert reader("POST", f"/integrations/{hook}/messages", {"text": "Hello"}).status_code == 403


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("plain", ["plain"]),
        ("*b* _i_ ~s~ `c`", ["bold", "plain", "italic", "plain", "strike", "plain", "code"]),
        ("snake_case_name 2*3*4", ["plain"]),
        ("<https://example.com|there> <!here> <@U1>", ["link", "plain", "mention", "plain", "mention"]),
        ("a ```*raw*``` b", ["plain", "block", "plain"]),
        ("open ``` and *bold*", ["plain", "plain", "bold"]),
        ("*across\nlines*", ["plain"]),
        ("", []),
        ("**", ["plain"]),
        ("<" * 50, ["plain"]),
        ("_a_ b_", ["italic", "plain"]),
    ],
)
def test_a_preview_reads_slacks_markup(text: str, kinds: list[str]) -> None:
    assert [span.kind for span in spans_of(text)] == kinds


def test_foreign_text_mentions_nobody() -> None:
    (span,) = spans_of(escaped("<!channel> & <https://evil.example|click>"))
    assert span == ("plain", "<!channel> & <https://evil.example|click>")


def test_no_session_is_open_while_slack_is_asked(
    app: Flask, people: People, service: Receiver, hook: str
) -> None:
    with app.app_context():
        post_message(people.acme.id, hook, "", "Hello")
        assert not db.session().in_transaction()
