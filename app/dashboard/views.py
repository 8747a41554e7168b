"""The home page of a team."""

from flask import Response

from app.clock_skew import SkewedClock, skewed_clocks
from app.config import SignUp
from app.dashboard import figures, queries
from app.extensions import current_settings
from app.web.access import current_team, principal, require
from app.web.rendering import render
from app.web.schemes import Pages
from app.webhooks.queries.deliveries import PENDING_COUNT_MAX, count_pending

dashboard = Pages("dashboard", __name__, url_prefix="/t/<team>")

_LATEST_FAILURES = 6


@dashboard.get("/")
@require("events:read")
def home() -> Response:
    """Show how the last 24 hours went, what needs attention, and what is left to set up."""
    team_id = current_team().id
    hours = queries.hourly_counts(team_id)
    failures = queries.recent_failures(team_id)
    latest = failures[:_LATEST_FAILURES]
    pending_count = count_pending(team_id)
    return render(
        "dashboard/home.html",
        figures=figures.day_figures(hours),
        chart_rows=figures.chart_rows(hours),
        has_traffic=any(hour.attempts for hour in hours),
        waiting_text=f"{PENDING_COUNT_MAX}+" if pending_count > PENDING_COUNT_MAX else f"{pending_count:,}",
        pending_count=pending_count,
        attention_items=queries.attention_items(team_id, failures),
        ended_connections=queries.ended_connections(team_id) if principal().may("integrations:read") else [],
        ending_keys=queries.ending_keys(team_id) if principal().may("keys:manage") else [],
        skewed_clocks=_skewed_clocks(),
        keys_to_review=queries.keys_to_review(team_id) if principal().may("keys:manage") else [],
        backlog_count_max=queries.BACKLOG_COUNT_MAX,
        latest_failures=latest,
        webhook_names=queries.webhook_names([failure.webhook_id for failure in latest]),
        steps=queries.first_steps(team_id),
        curl=_curl(),
        demo_receiver_url=_demo_receiver_url(),
    )


def _skewed_clocks() -> list[SkewedClock]:
    """Return the clocks that are wrong, for owners; not where anybody may sign up: owners are customers there."""
    is_operator = principal().may("team:manage") and current_settings().sign_up is SignUp.INVITED
    return skewed_clocks() if is_operator else []


def _demo_receiver_url() -> str | None:
    """Return an address to try webhooks with, where `make run` started one."""
    settings = current_settings()
    return None if settings.is_production else f"http://127.0.0.1:{settings.demo_receiver_port}/ok"


def _curl() -> str:
    return (
        f"curl -X POST {current_settings().public_url}/api/v1/events \\\n"
        '  -H "Authorization: Bearer $SIGNALBOX_API_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        """  -d '{"type": "post.published", "data": {"post_id": "post_1", "title": "Hello"}}'"""
    )
