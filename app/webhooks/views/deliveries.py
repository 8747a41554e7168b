"""Pages of deliveries."""

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.lib import clock
from app.lib.errors import Conflict
from app.lib.json_text import pretty_json
from app.web.access import current_team, require
from app.web.forms import runs_once
from app.web.lists import ListPage
from app.web.rendering import digest, redirect_after, render, swaps, unchanged
from app.web.schemes import Pages
from app.webhooks import explanations, presentation
from app.webhooks.queries import deliveries as queries
from app.webhooks.queries.deliveries import DELIVERIES
from app.webhooks.services import deliveries as services

deliveries = Pages("deliveries", __name__, url_prefix="/t/<team>/deliveries")

_COLUMNS = (
    ("State", ""), ("Event", ""), ("Webhook", ""), ("Last answer", ""), ("Attempts", "text-end"),
    ("Accepted", ""),
)  # fmt: skip
_CELLS = (
    "time=created_at", "state", "event_type", "event_id", "webhook_id", "webhook=webhook_name",
    "attempts=attempt_count", "status=last_status", "error=last_error", "due_at", "finished_at", "id",
)  # fmt: skip
_LIST = ListPage(
    spec=DELIVERIES,
    name="delivery",
    singular="delivery",
    plural="deliveries",
    endpoint="deliveries.index",
    templates="deliveries",
    columns=_COLUMNS,
    export_endpoint="deliveries.export",
    cells=_CELLS,
    state_of=lambda row: (row.shown_state, row.attempt_count, row.due_at),
    changes_in_s=lambda rows: presentation.poll_interval_s(
        [(row.shown_state, row.due_at) for row in rows], now=clock.now()
    ),
)


@deliveries.get("/")
@require("events:read")
def index() -> Response:
    """Show the team's deliveries, newest first, filtered; the older pages and the live refresh are parts of it."""
    return _LIST.show(_pending)


@deliveries.get("/export.csv")
@require("events:read")
def export() -> Response:
    """Download what the filters choose, as CSV."""
    return _LIST.download(_pending)


@deliveries.get("/<delivery_id>")
@require("events:read")
def show(delivery_id: str) -> Response:
    """Show a delivery: its event, every attempt and what happens next; refreshes itself until it is final."""
    delivery = queries.get_delivery(current_team().id, delivery_id)
    now = clock.now()
    webhook = delivery.webhook
    state = queries.shown_state(delivery, webhook_status=webhook.status, now=now)
    interval_s = presentation.poll_interval_s([(state, delivery.due_at)], now=now)
    version = digest(state, delivery.attempt_count, delivery.due_at, interval_s)
    if swaps("delivery-live") and request.args.get("seen") == version:
        return unchanged()
    attempts, has_more = queries.recent_attempts(delivery.id)
    body, body_language = pretty_json(delivery.event.body)
    return render(
        "deliveries/show.html",
        fragment="deliveries/_live.html",
        target="delivery-live",
        delivery=delivery,
        webhook=webhook,
        event=delivery.event,
        state=state,
        next_step=presentation.next_step(
            delivery, state, webhook_name=webhook.name, webhook_status=webhook.status, now=now
        ),
        last_words=explanations.words(delivery.last_error, delivery.last_status),
        retry_label=presentation.retry_label(state),
        interval_s=interval_s,
        live_url=url_for(".show", delivery_id=delivery.id, seen=version),
        attempts=[presentation.shown_attempt(attempt) for attempt in attempts],
        has_more_attempts=has_more,
        body=body,
        body_language=body_language,
    )


@deliveries.post("/<delivery_id>/retry")
@require("events:write")
@runs_once
def retry(delivery_id: str) -> BaseResponse:
    """Make a delivery due at once and show it; says where it has to wait."""
    try:
        retried = services.retry(current_team().id, delivery_id)
        flash(retried.message, "warning" if retried.is_held else "success")
    except Conflict as conflict:
        flash(conflict.detail, "error")
    return redirect_after(url_for(".show", delivery_id=delivery_id))


def _pending() -> dict[str, int]:
    return {
        "pending_count": queries.count_pending(current_team().id),
        "pending_count_max": queries.PENDING_COUNT_MAX,
    }
