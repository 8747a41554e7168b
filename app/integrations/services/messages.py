"""Posts messages to Slack through an integration."""

from dataclasses import dataclass, replace

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.db.session import writing
from app.extensions import db
from app.idempotency.services import record_outcome
from app.integrations.models import Integration
from app.integrations.queries.integrations import get_integration
from app.integrations.services.access import Access, open_access
from app.integrations.services.call_log import failure_of
from app.integrations.services.call_slots import call_slot
from app.integrations.services.calling import send_call
from app.integrations.services.health import record_health
from app.integrations.services.outgoing import CallOutcome, OutgoingCall
from app.integrations.slack_messages import (
    CHANNEL_MAX_CHARS,
    CREDENTIAL_ERRORS,
    TEXT_MAX_CHARS,
    explanation_of,
    message_body,
    read_answer,
)
from app.integrations.spec import NoAuth
from app.jobs.heartbeats import nudge_dispatch
from app.lib import redact
from app.lib.errors import Conflict, FieldError, Invalid

log = structlog.get_logger()

TIMEOUT_S = 15.0
_SLACK = "slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedMessage:
    """What became of a message. `error` is Slack's own word, or ours for the network; None: it was posted."""

    posted: bool
    words: str
    advice: str = ""
    error: str | None = None
    #: Where it stands, as Slack names it.
    channel: str | None = None
    ts: str | None = None
    status_code: int | None = None
    total_ms: float | None = None
    #: Its entry in the request log.
    log_id: str | None = None

    @property
    def is_temporary(self) -> bool:
        """Whether the same message can be expected to be posted later."""
        status = self.status_code or 0
        return not self.posted and (status == 0 or status == 429 or status >= 500 or self.error in _TEMPORARY)


_TEMPORARY = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"}
)


def takes_messages(integration: Integration) -> bool:
    """Return whether messages can be posted through an integration of this kind."""
    return integration.provider == _SLACK


def takes_channel(integration: Integration) -> bool:
    """Return whether a message names its channel; an incoming webhook has its own."""
    return integration.auth_method != "webhook"


def check_message(integration: Integration, channel: str, text: str) -> None:
    """Raise Invalid for a message that Slack would refuse as it is, Conflict where none can be posted."""
    if not takes_messages(integration):
        raise Conflict(
            f"{integration.name} is no integration with Slack: messages cannot be posted through it."
        )
    errors = []
    if not takes_channel(integration):
        if channel:
            errors.append(
                FieldError("channel", "An incoming webhook posts to its own channel. Leave it out.")
            )
    elif not channel:
        errors.append(FieldError("channel", "Name the channel: #general, or its id."))
    elif len(channel) > CHANNEL_MAX_CHARS or not channel.isprintable() or " " in channel:
        errors.append(FieldError("channel", "Write the channel's name without spaces, or its id."))
    if not text.strip():
        errors.append(FieldError("text", "Write a text."))
    elif len(text) > TEXT_MAX_CHARS:
        errors.append(FieldError("text", f"Write at most {TEXT_MAX_CHARS:,} characters."))
    elif "\0" in text:
        errors.append(FieldError("text", "It holds a character that Slack cannot show. Remove it."))
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)


def post_message(team_id: str, integration_id: str, channel: str, text: str) -> PostedMessage:
    """Post a message through the team's integration with Slack; a refusal of Slack's is an outcome, no exception.

    It is sent once, never repeated by itself: under an Idempotency-Key not even after a crash. Raises Invalid, NotFound,
    QuotaExceeded, and Conflict for an integration that cannot be used now.
    """
    channel = channel.strip()
    check_message(get_integration(team_id, integration_id), channel, text)
    access = open_access(team_id, integration_id)
    with call_slot(team_id):
        session = db.session()
        # Before it is sent: a repetition must not post it again, also when this process dies before Slack's answer.
        record_outcome(session)
        session.commit()
        return post_through(access, channel, text)


def post_through(access: Access, channel: str, text: str) -> PostedMessage:
    """Post a message with what a call needs at hand. No session may be open."""
    is_webhook = isinstance(access.placement, NoAuth)
    call = OutgoingCall(
        url=access.base_url if is_webhook else f"{access.base_url}/chat.postMessage",
        purpose="message",
        method="POST",
        headers=(("Content-Type", "application/json; charset=utf-8"),),
        body=message_body("" if is_webhook else channel, text),
        timeout_s=TIMEOUT_S,
        max_body_bytes=65_536,
    )
    outcome = send_call(access, call)
    result = outcome.result
    posted = PostedMessage(
        posted=True,
        words="Posted to the webhook's channel." if is_webhook else f"Posted to {channel}.",
        status_code=result.status_code,
        total_ms=result.total_ms,
        log_id=outcome.log_id,
    )
    if result.error_kind is not None:
        words = result.error_detail or "Slack could not be reached."
        _record_health(access, failure_of(result))
        advice = "If the connection broke late it may be posted all the same: look in Slack first."
        return _refused(posted, access, outcome, words, advice, result.error_kind)
    answer = read_answer(result.status_code or 0, result.body, is_webhook=is_webhook)
    words, advice = explanation_of(answer) if answer.error else ("", "")
    if answer.error in CREDENTIAL_ERRORS:
        _record_health(access, ("refused", words))
    else:
        # That a channel is archived says nothing about the integration.
        _record_health(access, failure_of(result) if (result.status_code or 0) >= 500 else None)
    if answer.error:
        return _refused(posted, access, outcome, words, advice, answer.error)
    return replace(posted, channel=answer.channel, ts=answer.ts)


def _refused(
    posted: PostedMessage, access: Access, outcome: CallOutcome, words: str, advice: str, error: str
) -> PostedMessage:
    secrets = (*access.secret_values, outcome.token)
    return replace(
        posted,
        posted=False,
        words=redact.text(words, secret_values=secrets),
        advice=advice,
        error=redact.text(error, secret_values=secrets),
    )


def _record_health(access: Access, failure: tuple[str, str] | None) -> None:
    """Record what a message shows about the integration. That it was sent counts, also where this fails."""
    if failure is None and access.is_known_to_work:
        return
    try:
        with writing(), db.engine.begin() as connection:
            has_changed = record_health(connection, access.team_id, access.integration_id, failure)
    except SQLAlchemyError as error:
        log.warning("message_not_recorded", integration_id=access.integration_id, reason=type(error).__name__)
        return
    if has_changed:
        nudge_dispatch()
