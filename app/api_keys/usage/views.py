"""The page that shows what a team's keys use of their limits."""

from typing import Any

from flask import Response, request, url_for

from app.api_keys.queries import USES_HOURS, has_keys
from app.api_keys.usage.queries import VIOLATIONS_DAYS, VIOLATIONS_MAX, usage_of_team, violations_of
from app.db.pages import PAGE_SIZE
from app.lib.ids import is_id
from app.web.access import current_team, require
from app.web.rendering import render
from app.web.schemes import Pages

usage = Pages("usage", __name__, url_prefix="/t/<team>/usage")


@usage.get("/")
@require("keys:manage")
def index() -> Response:
    """Show what is used and left of every limit, what was refused, and which limits were reached."""
    team_id = current_team().id
    text = request.args.get("q", "").replace("\x00", "").strip()[:100]
    cursor = request.args.get("cursor", "")
    team_usage, page = usage_of_team(
        team_id, text=text or None, limit=PAGE_SIZE, cursor=cursor if is_id(cursor, "key") else None
    )
    kept: dict[str, Any] = {"q": text} if text else {}
    return render(
        "usage/index.html",
        fragment="usage/_keys.html",
        target="usage-keys",
        usage=team_usage,
        rows=page.rows,
        violations=violations_of(team_id),
        violations_days=VIOLATIONS_DAYS,
        violations_max=VIOLATIONS_MAX,
        hours=USES_HOURS,
        text=text,
        has_keys=bool(page.rows) or has_keys(team_id),
        is_first=not cursor,
        older_url=url_for(".index", **kept, cursor=page.next_cursor) if page.next_cursor else None,
    )
