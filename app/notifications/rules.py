"""What notifications are about, how they read, and when one is tried again. Pure."""

from collections.abc import Mapping
from typing import Any

from app.events.catalogue import BUILT_IN, TEST_TYPE
from app.integrations.slack_messages import escaped

NOTIFICATIONS_MAX = 50
ATTEMPTS_MAX = 6
_FIRST_WAIT_S = 30.0
_LONGEST_WAIT_S = 3_600.0
_VALUE_CHARS_MAX = 300
_LINES_MAX = 12

#: The types that a notification can be about: what Signalbox itself announces. By name, in the catalogue's order.
TYPES = {name: known for name, known in BUILT_IN.items() if known.is_operational and name != TEST_TYPE}


def message_of(event_type: str, fields: Mapping[str, Any], *, team_name: str, url: str) -> str:
    """Return the message about an event, in Slack's mark-up; what the event says mentions nobody."""
    known = TYPES.get(event_type)
    lines = [f"*{escaped(known.description if known else event_type)}*"]
    for name, value in list(fields.items())[:_LINES_MAX]:
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            words = name.replace("_", " ")
            lines.append(f"{escaped(words)}: {escaped(str(value)[:_VALUE_CHARS_MAX])}")
    lines.append(f"Team {escaped(team_name)} · <{url}|Open Signalbox>")
    return "\n".join(lines)


def wait_before_retry_s(attempts: int) -> float:
    """Return how long to wait after so many attempts: half a minute, then four times as long each time, to an hour."""
    return min(_FIRST_WAIT_S * 4.0 ** min(attempts - 1, 10), _LONGEST_WAIT_S)
