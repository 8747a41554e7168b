"""Pages of deliveries."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Response, flash, make_response, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from app.events.queries import known_types
from app.lib import clock
from app.lib.errors import Conflict
from app.lib.ids import is_id
from app.lib.paging import PAGE_SIZE, Page
from app.web.access import current_team, require
from app.web.forms import creates_once
from app.web.rendering import is_htmx, redirect_after, render
from app.web.schemes import Pages
from app.webhooks import explanations, presentation
from app.webhooks.queries import deliveries as queries
from app.webhooks.queries.deliveries import DeliveryFilter, DeliveryRow
from app.webhooks.schemas.deliveries import STATES, DeliveryQuery
from app.webhooks.services import deliveries as services

deliveries = Pages("deliveries", __name__, url_prefix="/t/<team>/deliveries")

FILTERS = ("state", "event_type", "webhook_id", "from", "to", "q")
_LIST = "delivery-list"


@deliveries.get("/")
@require("events:read")
def index() -> Response:
    """Show the team's deliveries, newest first, filtered; the older pages and the live refresh are fragments of it."""
    try:
        wanted, errors = DeliveryQuery.model_validate(request.args.to_dict()).wanted(), []
    except ValidationError as error:
        wanted, errors = DeliveryFilter(), _in_words(error)
    if errors:
        return _page(wanted, Page(()), errors=errors, status=422)
    oldest_id = request.args.get("oldest", "")
    if _swaps(_rows_id(wanted)) and is_id(oldest_id, "dlv"):
        return _refreshed(wanted, oldest_id)
    return _page(wanted, queries.list_deliveries(current_team().id, wanted))


@deliveries.get("/<delivery_id>")
@require("events:read")
def show(delivery_id: str) -> Response:
    """Show a delivery: its event, every attempt and what happens next; refreshes itself until it is final."""
    delivery = queries.get_delivery(current_team().id, delivery_id)
    now = clock.now()
    webhook = delivery.webhook
    state = queries.shown_state(delivery, webhook_status=webhook.status, now=now)
    interval_s = presentation.poll_interval_s([(state, delivery.due_at)], now=now)
    version = _digest(state, delivery.attempt_count, delivery.due_at, interval_s)
    if _swaps("delivery-live") and request.args.get("seen") == version:
        return _unchanged()
    attempts, has_more = queries.recent_attempts(delivery.id)
    body, body_language = presentation.pretty_body(delivery.event.body)
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
@creates_once
def retry(delivery_id: str) -> BaseResponse:
    """Make a delivery due at once and show it; says where it has to wait."""
    try:
        retried = services.retry(current_team().id, delivery_id)
        flash(retried.message, "warning" if retried.is_held else "success")
    except Conflict as conflict:
        flash(conflict.detail, "error")
    return redirect_after(url_for(".show", delivery_id=delivery_id))


def _page(
    wanted: DeliveryFilter, page: Page[DeliveryRow], *, errors: Sequence[str] = (), status: int = 200
) -> Response:
    team_id = current_team().id
    part_id = _rows_id(wanted)
    is_older_part = bool(wanted.cursor) and _swaps(part_id)
    pending_count = 0 if is_older_part else queries.count_pending(team_id)
    return render(
        "deliveries/index.html",
        fragment="deliveries/_part.html" if is_older_part else "deliveries/_list.html",
        target=part_id if is_older_part else _LIST,
        status=status,
        errors=errors,
        has_filters=wanted.is_filtering or bool(errors),
        values={name: request.args.get(name, "") for name in FILTERS},
        states=[(state, state.capitalize()) for state in STATES],
        webhooks=() if is_older_part else queries.webhook_choices(team_id),
        types=() if is_older_part else [(known.name, known.name) for known in known_types(team_id)],
        pending_count=pending_count,
        pending_count_max=queries.PENDING_COUNT_MAX,
        **_part(wanted, page),
    )


def _refreshed(wanted: DeliveryFilter, oldest_id: str) -> Response:
    """Return exactly the rows that the asking page shows, with their states of now; 204 when nothing changed."""
    # Rows that arrived since would push what somebody reads: they are only announced.
    given = request.args.get("newest", "")
    newest_id = given if is_id(given, "dlv") else None
    page = queries.list_deliveries(
        current_team().id, wanted, size=PAGE_SIZE, oldest_id=oldest_id, newest_id=newest_id
    )
    part = _part(wanted, page, oldest_id=oldest_id)
    if request.args.get("seen") == part["version"]:
        return _unchanged()
    return render(
        "deliveries/index.html", fragment="deliveries/_rows.html", target=str(part["rows_id"]), **part
    )


def _part(wanted: DeliveryFilter, page: Page[DeliveryRow], *, oldest_id: str | None = None) -> dict[str, Any]:
    """Return the context of one page of rows: the rows, how they refresh, and where the older ones are."""
    now = clock.now()
    rows = page.rows
    interval_s = presentation.poll_interval_s([(row.shown_state, row.due_at) for row in rows], now=now)
    here: dict[str, Any] = {name: value for name in FILTERS if (value := request.args.get(name, "").strip())}
    has_newer = bool(
        rows
        and interval_s
        and not wanted.cursor
        and queries.find_newer(current_team().id, wanted, rows[0].id)
    )
    version = _digest(
        interval_s, has_newer, *((row.id, row.shown_state, row.attempt_count, row.due_at) for row in rows)
    )
    refresh = dict(here, cursor=wanted.cursor) if wanted.cursor else dict(here)
    if rows:
        refresh |= {"oldest": oldest_id or rows[-1].id, "newest": rows[0].id, "seen": version}
    return {
        "rows": rows,
        "rows_id": _rows_id(wanted),
        "version": version,
        "interval_s": interval_s,
        "refresh_url": url_for(".index", **refresh),
        "newest_url": url_for(".index", **here),
        "has_newer": has_newer,
        "next_cursor": page.next_cursor,
        "older_url": url_for(".index", **here, cursor=page.next_cursor) if page.next_cursor else None,
        "searched_back_to": datetime.fromisoformat(page.searched_back_to) if page.searched_back_to else None,
        "clear_url": url_for(".index"),
        "is_first": not wanted.cursor,
    }


def _rows_id(wanted: DeliveryFilter) -> str:
    return f"older-{wanted.cursor}" if wanted.cursor else "newest"


def _swaps(element_id: str) -> bool:
    """Return whether htmx is about to swap the element; a restored history entry needs the whole page."""
    headers = request.headers
    return (
        is_htmx()
        and headers.get("HX-Target") == element_id
        and headers.get("HX-History-Restore-Request") != "true"
    )


def _in_words(error: ValidationError) -> list[str]:
    names = {"from": "From", "to": "To", "q": "Search", "event_type": "Event type", "webhook_id": "Webhook"}
    sentences = []
    for item in error.errors():
        field = str(item["loc"][0]) if item["loc"] else ""
        words = item["msg"].removeprefix("Value error, ").rstrip(".")
        if item["type"].startswith("datetime"):
            words = "write a time such as 2026-11-21T14:00 (UTC)"
        label = names.get(field, field.capitalize())
        sentences.append(f"{label}: {words}." if label else f"{words[:1].upper()}{words[1:]}.")
    return sentences


def _unchanged() -> Response:
    response = make_response("", 204)
    response.vary.update(("HX-Request", "HX-Target", "HX-History-Restore-Request", "Cookie"))
    return response


def _digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
