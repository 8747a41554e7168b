"""The page that shows what a team's keys use of their limits."""

from typing import Any

from flask import Response

from app.api_keys.queries import USES_HOURS, has_keys
from app.api_keys.usage.queries import (
    VIOLATIONS_DAYS,
    VIOLATIONS_MAX,
    WORKING_KEYS,
    usage_of_keys,
    usage_of_team,
    violations_of,
)
from app.web.access import current_team, require
from app.web.lists import ListPage
from app.web.schemes import Pages

usage = Pages("usage", __name__, url_prefix="/t/<team>/usage")

_COLUMNS = (
    ("Name", ""), ("This hour", ""), ("This day", ""), (f"Uses, {USES_HOURS} h", "text-end"),
    (f"Refused, {USES_HOURS} h", "text-end"),
)  # fmt: skip
_LIST = ListPage(
    spec=WORKING_KEYS,
    name="usage",
    singular="working key",
    plural="working keys",
    endpoint="usage.index",
    templates="usage",
    columns=_COLUMNS,
    rows_context=lambda rows: {"used_by": usage_of_keys(current_team().id, rows), "hours": USES_HOURS},
    hides_filters_when_blank=True,
)


@usage.get("/")
@require("keys:manage")
def index() -> Response:
    """Show what is used and left of every limit, what was refused, and which limits were reached."""
    return _LIST.show(_of_team)


def _of_team() -> dict[str, Any]:
    team_id = current_team().id
    return {
        "usage": usage_of_team(team_id),
        "has_keys": has_keys(team_id),
        "violations": violations_of(team_id),
        "violations_days": VIOLATIONS_DAYS,
        "violations_max": VIOLATIONS_MAX,
    }
