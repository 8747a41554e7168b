"""Messages to Slack: the request that posts one, what Slack answers in its words, and how it will look. Pure.

An incoming webhook answers with a word of plain text and a status; the Web API answers 200 with `ok` and, where that is
false, `error` (chat.postMessage).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson

#: Slack cuts longer texts at 40,000 characters, and advises not to exceed this.
TEXT_MAX_CHARS = 4_000
CHANNEL_MAX_CHARS = 100

_TOKEN = "Write a new token, or reconnect the integration."  # noqa: S105 - advice
_CHANNEL = (
    "Compare the channel with its name in Slack; of a private one use its id, and invite the app to it."
)
_LATER = "Wait a minute, then post it again."
_ADDRESS = "Create a new incoming webhook in Slack, and write its address."

#: What Slack's own words mean, and what to do.
_EXPLANATIONS: dict[str, tuple[str, str]] = {
    "channel_not_found": ("Slack knows no such channel, or does not show it to the app.", _CHANNEL),
    "not_in_channel": ("The app is no member of the channel.", "Invite it in Slack: /invite @your-app."),
    "is_archived": ("The channel is archived.", "Choose another channel, or unarchive it in Slack."),
    "channel_is_archived": ("The channel is archived.", "Unarchive it in Slack, or create a new webhook."),
    "msg_too_long": ("Slack finds the text too long.", "Shorten it."),
    "no_text": ("Slack found no text.", "Write one."),
    "restricted_action": (
        "The workspace does not let the app post there.",
        "Ask an administrator of the workspace, or choose another channel.",
    ),
    "restricted_action_read_only_channel": (
        "Only few may post in this channel.",
        "Choose another channel, or let the app post there in the channel's settings.",
    ),
    "action_prohibited": (
        "The workspace does not let this webhook post there.",
        "Ask an administrator of the workspace.",
    ),
    "posting_to_general_channel_denied": (
        "The workspace does not let apps post in this channel.",
        "Ask an administrator, or choose another channel.",
    ),
    "missing_scope": (
        "The token lacks a scope.",
        "Add chat:write to the app's scopes in Slack, install the app again, then write the new token or reconnect.",
    ),
    "not_allowed_token_type": ("This kind of token cannot post messages.", "Use a bot token: it begins with xoxb-."),
    "invalid_auth": ("Slack does not accept the token.", _TOKEN),
    "not_authed": ("Slack found no token.", _TOKEN),
    "token_revoked": ("The token was revoked, or the app was removed from the workspace.", _TOKEN),
    "token_expired": ("The token has expired.", _TOKEN),
    "account_inactive": ("The token's account or workspace was deactivated.", _TOKEN),
    "ratelimited": ("Slack takes about one message per second and channel.", _LATER),
    "rate_limited": ("Slack takes about one message per second and channel.", _LATER),
    "message_limit_exceeded": ("The workspace has used up its messages.", "Look at its plan in Slack."),
    "no_service": ("Slack knows no such webhook: it was removed or is switched off.", _ADDRESS),
    "no_active_hooks": ("The webhook was switched off in Slack.", _ADDRESS),
    "no_team": ("The webhook's workspace does not exist (any more).", _ADDRESS),
    "team_disabled": ("The webhook's workspace was deactivated.", "Ask an administrator of the workspace."),
    "invalid_token": ("The webhook's address is wrong.", _ADDRESS),
    "invalid_payload": ("Slack could not read the message.", "Look for unusual characters in the text."),
    "user_not_found": ("Slack knows no such person.", _CHANNEL),
    "internal_error": ("Slack has trouble of its own.", _LATER),
    "fatal_error": ("Slack has trouble of its own.", _LATER),
    "service_unavailable": ("Slack has trouble of its own.", _LATER),
}  # fmt: skip
#: Words that say that the credentials do not work, whatever is posted.
CREDENTIAL_ERRORS = frozenset(
    {
        "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope",
        "not_allowed_token_type", "no_service", "no_active_hooks", "no_team", "team_disabled", "invalid_token",
    }
)  # fmt: skip
_ERROR_CHARS_MAX = 60
_KINDS: dict[str, "SpanKind"] = {"`": "code", "*": "bold", "_": "italic", "~": "strike", "<": "link"}

SpanKind = Literal["plain", "code", "bold", "italic", "strike", "link", "mention", "block"]


class Span(NamedTuple):
    """A piece of a message as Slack shows it."""

    kind: SpanKind
    text: str


@dataclass(frozen=True, slots=True)
class SlackAnswer:
    """What Slack said: `error` in its own word (empty: it was posted), and what it says of the message."""

    error: str = ""
    channel: str | None = None
    ts: str | None = None
    #: Of `missing_scope`: the scope.
    needed: str | None = None


def message_body(channel: str, text: str) -> bytes:
    """Return the body of the request; an incoming webhook has its own channel."""
    return orjson.dumps({"channel": channel, "text": text} if channel else {"text": text})


def read_answer(status_code: int, body: bytes, *, is_webhook: bool) -> SlackAnswer:
    """Return what Slack's answer says."""
    if is_webhook:
        if status_code == 200:
            return SlackAnswer()
        word = _word(body)
        return SlackAnswer(word if word not in {"", "ok"} else f"http_{status_code}")
    answer = _object(body)
    if answer.get("ok") is True:
        return SlackAnswer(channel=_text(answer.get("channel")), ts=_text(answer.get("ts")))
    error = _text(answer.get("error")) or f"http_{status_code}"
    return SlackAnswer(error[:_ERROR_CHARS_MAX], needed=_text(answer.get("needed")))


def explanation_of(answer: SlackAnswer) -> tuple[str, str]:
    """Return what an error means, and what to do."""
    if answer.error.startswith("http_5"):
        return f"Slack has trouble of its own: it answered {answer.error.removeprefix('http_')}.", _LATER
    if answer.error == "http_429":
        return _EXPLANATIONS["ratelimited"]
    words, advice = _EXPLANATIONS.get(
        answer.error, (f"Slack answered {answer.error}.", "Look the word up in Slack's documentation.")
    )
    if answer.error == "missing_scope" and answer.needed:
        words = f"The token lacks the scope {answer.needed[:_ERROR_CHARS_MAX]}."
    return words, advice


def spans_of(text: str) -> Iterator[Span]:
    """Yield the pieces of a text in Slack's mark-up (mrkdwn), near to how Slack shows them."""
    parts = text.split("```")
    for index, part in enumerate(parts):
        if index % 2 and index < len(parts) - 1:
            yield Span("block", part.strip("\n"))
        else:
            # What is opened and never closed stands as it was written.
            yield from _spans_of_line(f"```{part}" if index % 2 else part)


def _spans_of_line(text: str) -> Iterator[Span]:
    plain_from = at = 0
    while at < len(text):
        end = _end_of_mark(text, at)
        if end is None:
            at += 1
            continue
        if at > plain_from:
            yield Span("plain", unescaped(text[plain_from:at]))
        yield _marked(_KINDS[text[at]], text[at + 1 : end])
        at = plain_from = end + 1
    if plain_from < len(text):
        yield Span("plain", unescaped(text[plain_from:]))


def _end_of_mark(text: str, at: int) -> int | None:
    """Return where what begins here ends; None: nothing begins. Looks no further than the next mark of its kind."""
    mark = text[at]
    if mark not in _KINDS:
        return None
    same = text.find(mark, at + 1)
    end = same if mark != "<" else text.find(">", at + 1, same if same >= 0 else len(text))
    if end <= at + 1 or text.find("\n", at + 1, end) >= 0:
        return None
    if mark in "*_~" and (_is_word(text, at - 1) or _is_word(text, end + 1)):
        return None
    return end


def _is_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and (text[at].isalnum() or text[at] == "_")


def _marked(kind: "SpanKind", content: str) -> Span:
    if kind != "link":
        return Span(kind, unescaped(content))
    target, _, label = content.partition("|")
    if target[:1] in "@#!":
        return Span("mention", label or target.replace("!", "@", 1))
    return Span("link", unescaped(label or target))


def escaped(text: str) -> str:
    """Return foreign text as a message may hold it: nobody is mentioned and nothing linked by it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """Return what Slack shows for text of a message."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return value[:500] if isinstance(value, str) and value else None


def _word(body: bytes) -> str:
    """Return an answer that is one word, as those of incoming webhooks are; empty for anything else."""
    word = body[:_ERROR_CHARS_MAX].decode("ascii", "replace").strip()
    return word if word.replace("_", "").isalnum() and len(body) <= _ERROR_CHARS_MAX else ""
