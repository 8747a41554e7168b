"""How integrations are doing: calls, failures, latency, what is left of limits, and what will end. For all, and for each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Response, request, url_for

from app.integrations import presentation
from app.integrations.forecast import sunsets_of
from app.integrations.queries.health import (
    DAY,
    RANGES,
    CallFigures,
    figures_by_time,
    figures_of,
    forecasts_for,
    health_of_team,
    limits_left,
    total_of,
)
from app.integrations.queries.integrations import INTEGRATIONS, IntegrationRow, get_row
from app.integrations.status import Status
from app.integrations.views.blueprint import integrations
from app.lib import clock
from app.request_log.queries import latest_outgoing
from app.web.access import current_team, require
from app.web.lists import ListPage
from app.web.rendering import render

_REFRESH_S = 30
_LATEST = 10
_USUAL_RANGE = "24h"


@integrations.get("/health")
@require("integrations:read")
def health() -> Response:
    """Show how all integrations of the team are doing."""
    return _LIST.show(_of_team)


@integrations.get("/<integration_id>/health")
@require("integrations:read")
def show_health(integration_id: str) -> Response:
    """Show how one integration is doing."""
    team_id, wanted = current_team().id, RANGES[_range()]
    row = get_row(team_id, integration_id)
    bars = figures_by_time(team_id, wanted, integration_id=integration_id)
    context = {
        "row": row,
        "integration": row.integration,
        "status_words": presentation.shown_status(row.report),
        "step": presentation.step_button(row.integration, row.report),
        "total": total_of(bars),
        "forecasts": forecasts_for(row.provider, row.integration.connection),
        "sunsets": sunsets_of([(row.provider, row.id, row.name)], clock.now().date()),
        "calls": latest_outgoing(team_id, integration_id, count=_LATEST),
        **_charts(bars),
    }
    # Last: it asks Redis, and ends the transaction before.
    context["limits"] = limits_left([row.integration])[integration_id]
    return render("integrations/health/show.html", show=presentation, **context)


def _of_team() -> dict[str, Any]:
    team_id, wanted = current_team().id, RANGES[_range()]
    bars = figures_by_time(team_id, wanted)
    team = health_of_team(team_id)
    return {"total": total_of(bars), "team": team, "Status": Status, **_charts(bars)}


def _of_rows(rows: Sequence[IntegrationRow]) -> dict[str, Any]:
    """Return figures, limits and forecasts of the integrations on a page of the list, by id."""
    found = figures_of(current_team().id, [row.id for row in rows], RANGES[_range()])
    return {
        "show": presentation,
        "figures": {row.id: found.get(row.id) or CallFigures() for row in rows},
        "forecasts": {row.id: forecasts_for(row.provider, row.integration.connection) for row in rows},
        "limits": limits_left([row.integration for row in rows]),
        "range_name": _range(),
    }


def _range() -> str:
    """Return the range that the address asks for; the usual one for what is none."""
    given = request.args.get("range", "")
    return given if given in RANGES else _USUAL_RANGE


def _range_links() -> list[tuple[str, str, bool]]:
    """Return label and address of every range, and whether it is the chosen one; filters stay."""
    filters = INTEGRATIONS.page_query.model_fields.keys() - {"cursor"}
    here = {name: value for name, value in request.args.items() if name in filters and value}
    values: dict[str, Any] = {**(request.view_args or {}), **here}
    return [
        (one.label, url_for(request.endpoint or "", **{**values, "range": name}), name == _range())
        for name, one in RANGES.items()
    ]


def _charts(bars: Sequence[tuple[datetime, CallFigures]]) -> dict[str, Any]:
    wanted = RANGES[_range()]
    is_by_day = wanted.step == DAY
    words = "%Y-%m-%d" if is_by_day else "%Y-%m-%d %H:00 UTC"

    def row(at: datetime, values: list[int]) -> dict[str, object]:
        return {"x": int(at.timestamp()), "at": at, "label": at.strftime(words), "values": values}

    return {
        "range_links": _range_links(),
        "range": wanted,
        "bar_name": "Day (UTC)" if is_by_day else "Hour",
        "bar_note": "by day" if is_by_day else "by hour",
        "call_rows": [row(at, [figures.calls - figures.failures, figures.failures]) for at, figures in bars],
        "latency_rows": [row(at, [figures.p50_ms or 0, figures.p95_ms or 0]) for at, figures in bars],
    }


_LIST = ListPage[IntegrationRow](
    spec=INTEGRATIONS,
    name="health",
    singular="integration",
    plural="integrations",
    endpoint="integrations.health",
    templates="integrations/health",
    columns=(
        ("Integration", ""), ("Status", ""), ("Calls", "text-end"), ("Failed", "text-end"),
        ("p50, p95, p99", "text-end"), ("Left of limits", ""), ("Ahead", ""),
    ),
    rows_context=_of_rows,
    # Figures move with the clock, whatever happens to the integration.
    state_of=lambda row: (row.state, clock.now().replace(second=0, microsecond=0)),
    changes_in_s=lambda rows: _REFRESH_S if rows else None,
    rows_refresh_max_s=_REFRESH_S,
    hides_filters_when_blank=True,
    keeps=("range",),
)  # fmt: skip
