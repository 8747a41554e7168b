"""Reads a GraphQL server's answer: what became of the operation, in words for people."""

import json
from dataclasses import dataclass
from typing import Any

from app.calls.graphql import rules
from app.calls.graphql.rules import RunState
from app.lib.outbound import Result

_MESSAGE_MAX_CHARS = 500
_ADVICE = {
    401: "The credentials are wrong, expired or revoked. Write them again, or reconnect.",
    403: "The credentials are known, but may not do this.",
    404: "There is nothing at this address. Check it in the settings of the integration.",
    429: "The service limits how often it is asked. Wait, then run it again.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a GraphQL server answered. `errors` are its messages, the first ones; `content` the parsed JSON, if it is any."""

    state: RunState
    words: str
    errors: tuple[str, ...] = ()
    content: Any = None


def read_answer(result: Result) -> Answer:
    """Return what became of an operation. Errors in an answer with status 200 make it PARTIAL or FAILED.

    As GraphQL's specification has it (§7.1): `errors` beside `data` that is not null is a partial success.
    """
    if result.error_kind is not None:
        return Answer(RunState.FAILED, result.error_detail or "The service could not be reached.")
    if result.body_truncated:
        return Answer(
            RunState.FAILED, "The answer is too large: ask for fewer fields, or for a page of them."
        )
    if rules.is_too_deep(result.body):
        return Answer(
            RunState.FAILED,
            f"The answer is nested deeper than {rules.ANSWER_DEPTH_MAX} levels: it was not read.",
        )
    status = result.status_code or 0
    try:
        content = json.loads(result.body)
    except ValueError:
        content = None
    if not isinstance(content, dict) or not ({"data", "errors"} & content.keys()):
        return Answer(RunState.FAILED, _no_graphql(status), content=content)
    errors = _messages(content.get("errors"))
    has_data = content.get("data") is not None
    if not 200 <= status < 300:
        return Answer(RunState.FAILED, _no_graphql(status), errors, content)
    if errors and has_data:
        return Answer(
            RunState.PARTIAL, "A part of the data is missing: the service lists errors.", errors, content
        )
    if errors or not has_data:
        words = (
            "The service lists errors and returned no data." if errors else "The service returned no data."
        )
        return Answer(RunState.FAILED, words, errors, content)
    return Answer(RunState.SUCCEEDED, "The service returned all that was asked for.", content=content)


def _no_graphql(status: int) -> str:
    if 200 <= status < 300:
        return f"The service answered {status}, but not as a GraphQL server does. Check the address of the integration."
    if 300 <= status < 400:
        return f"The service answered {status}: it wants to be asked elsewhere. Redirects are not followed."
    advice = _ADVICE.get(status) or (
        "The service has trouble of its own." if status >= 500 else "See what it says."
    )
    return f"The service answered {status}. {advice}"


def _messages(errors: object) -> tuple[str, ...]:
    """Return the messages of an answer's errors, the first ones; anything but an empty list counts as an error."""
    if errors is None or errors == []:
        return ()
    if not isinstance(errors, list):
        return ("The service's errors cannot be read.",)
    return tuple(_message(one) for one in errors[: rules.ERRORS_MAX])


def _message(error: object) -> str:
    words = error.get("message") if isinstance(error, dict) else error
    path = error.get("path") if isinstance(error, dict) else None
    place = ".".join(str(step) for step in path[:20]) + ": " if isinstance(path, list) and path else ""
    return (place + (words if isinstance(words, str) else "An error without a message."))[:_MESSAGE_MAX_CHARS]
