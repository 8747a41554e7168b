"""Pages of webhooks."""

from dataclasses import asdict

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.audit.latest import latest_change
from app.events.catalogue import TEST_TYPE
from app.events.queries import known_types
from app.extensions import current_settings
from app.lib.errors import Conflict, Invalid, PreconditionFailed, SignalboxError
from app.web.access import current_team, principal, require
from app.web.forms import keeps_input, runs_once
from app.web.lists import ListPage
from app.web.one_time_secrets import ShownSecret, lead_to_secret, take_once
from app.web.rendering import redirect_after, render
from app.web.schemes import Pages
from app.webhooks.explanations import words
from app.webhooks.forms import RetryFields, WebhookForm, form_of
from app.webhooks.models import Webhook
from app.webhooks.queries import webhooks as queries
from app.webhooks.queries.deliveries import DELIVERIES
from app.webhooks.queries.webhooks import WEBHOOKS
from app.webhooks.rules import FAILURES_TO_DISABLE, FAILURES_TO_WARN
from app.webhooks.schedule import Schedule, schedule_of
from app.webhooks.services import webhooks as services
from app.webhooks.services.settings import LIMITS, stored_headers
from app.webhooks.snippets import SNIPPETS, creation
from app.webhooks.subscriptions import choice_groups

webhooks = Pages("webhooks", __name__, url_prefix="/t/<team>/webhooks")

LATEST_DELIVERIES = 8
_COLUMNS = (
    ("Webhook", ""), ("Status", ""), ("Event types", ""), ("Succeeded, 24 h", "text-end"),
    ("Failed, 24 h", "text-end"), ("Waiting", "text-end"),
)  # fmt: skip
# Neither the secret nor the headers, whose values are often credentials.
_CELLS = (
    "id=webhook.id", "name=webhook.name", "url=webhook.url", "event_types=webhook.event_types", "status=webhook.status",
    "status_reason=webhook.status_reason", "status_changed_at=webhook.status_changed_at",
    "succeeded_24h=stats.succeeded", "failed_24h=stats.failed", "average_ms_24h=stats.average_ms",
    "waiting=stats.backlog_text", "consecutive_failures=webhook.consecutive_failures", "timeout_s=webhook.timeout_s",
    "max_retries=webhook.max_retries", "created_at=webhook.created_at", "updated_at=webhook.updated_at",
)  # fmt: skip
_LIST = ListPage(
    spec=WEBHOOKS,
    name="webhook",
    singular="webhook",
    plural="webhooks",
    endpoint="webhooks.index",
    templates="webhooks",
    columns=_COLUMNS,
    export_endpoint="webhooks.export",
    cells=_CELLS,
    hides_filters_when_blank=True,
)


@webhooks.get("/")
@require("webhooks:read")
def index() -> Response:
    """List the team's webhooks with what happened in the last 24 hours."""
    return _LIST.show(_example)


@webhooks.get("/export.csv")
@require("webhooks:read")
def export() -> Response:
    """Download what the filters choose, as CSV."""
    return _LIST.download(_example)


@webhooks.get("/new")
@require("webhooks:manage")
def new() -> Response:
    """Show the form for a new webhook."""
    return _form_page(WebhookForm(formdata=None))


@webhooks.post("/new")
@require("webhooks:manage")
@keeps_input(WebhookForm)
@runs_once
def create() -> BaseResponse:
    """Create a webhook and lead to the page that shows its secret once."""
    form = WebhookForm()
    try:
        created = services.create_webhook(current_team().id, form.settings(), created_by_id=principal().id)
    except SignalboxError as error:
        form.take_errors(error)
        return _form_page(form, http_status=error.status)
    return lead_to_secret(
        created.webhook_id,
        created.secret,
        url=url_for(".show", webhook_id=created.webhook_id),
        page=lambda shown: webhook_page(created.webhook_id, shown),
    )


@webhooks.get("/schedule")
@require("webhooks:read")
def schedule() -> Response:
    """Show the retries that the numbers of the form result in."""
    return render(
        "webhooks/_schedule.html",
        schedule=_schedule_of_form(RetryFields(request.args)),
    )


@webhooks.get("/<webhook_id>")
@require("webhooks:read")
def show(webhook_id: str) -> Response:
    """Show a webhook: its state and the next step, its statistics, its settings; once, its secret."""
    return webhook_page(webhook_id, take_once(webhook_id))


def _example() -> dict[str, str]:
    settings = current_settings()
    return {"create_example": creation(settings.public_url, receiver_port=settings.demo_receiver_port)}


def webhook_page(webhook_id: str, shown: ShownSecret) -> Response:
    """Return the page of a webhook of the team, with its secret where that is shown now."""
    team_id = current_team().id
    webhook = queries.get_webhook(team_id, webhook_id)
    latest = DELIVERIES.find(team_id, DELIVERIES.select(webhook_id=webhook_id), size=LATEST_DELIVERIES)
    return render(
        "webhooks/show.html",
        webhook=webhook,
        shown=shown,
        stats=queries.stats_of(team_id, [webhook_id])[webhook_id],
        latest=[(row, words(row.last_error, row.last_status)) for row in latest.rows],
        header_names=[name for name, _ in stored_headers(webhook)],
        schedule=_schedule_of(webhook),
        is_failing=webhook.consecutive_failures >= FAILURES_TO_WARN,
        failures_to_disable=FAILURES_TO_DISABLE,
        test_types=[known.name for known in known_types(team_id)],
        test_type=TEST_TYPE,
        snippets=SNIPPETS,
    )


@webhooks.get("/<webhook_id>/edit")
@require("webhooks:manage")
def edit(webhook_id: str) -> Response:
    """Show the form that changes a webhook."""
    webhook = queries.get_webhook(current_team().id, webhook_id)
    return _form_page(form_of(webhook), webhook=webhook)


@webhooks.post("/<webhook_id>/edit")
@require("webhooks:manage")
@keeps_input(WebhookForm)
@runs_once
def update(webhook_id: str) -> BaseResponse:
    """Change a webhook."""
    webhook = queries.get_webhook(current_team().id, webhook_id)
    form = WebhookForm()
    try:
        services.update_webhook(
            current_team().id, webhook_id, asdict(form.settings()), expected=form.expected_version
        )
    except PreconditionFailed as error:
        webhook = queries.get_webhook(current_team().id, webhook_id)
        change = latest_change(current_team().id, webhook_id, "webhook.updated")
        form.show_conflict(form_of(webhook), change, newer_url=url_for(".edit", webhook_id=webhook_id))
        return _form_page(form, webhook=webhook, http_status=error.status)
    except SignalboxError as error:
        form.take_errors(error)
        return _form_page(form, webhook=webhook, http_status=error.status)
    flash("The webhook was changed. What is due goes by the new settings.", "success")
    return redirect_after(url_for(".show", webhook_id=webhook_id))


@webhooks.post("/<webhook_id>/pause")
@require("webhooks:manage")
@runs_once
def pause(webhook_id: str) -> BaseResponse:
    """Stop sending until somebody resumes it."""
    try:
        services.pause_webhook(current_team().id, webhook_id, by=principal().name)
        flash("Paused. New deliveries wait until you resume the webhook.", "success")
    except Conflict as conflict:
        flash(conflict.detail, "error")
    return redirect_after(url_for(".show", webhook_id=webhook_id))


@webhooks.get("/<webhook_id>/resume")
@require("webhooks:manage")
def confirm_resume(webhook_id: str) -> Response:
    """Ask what becomes of the deliveries that waited."""
    webhook = queries.get_webhook(current_team().id, webhook_id)
    stats = queries.stats_of(webhook.team_id, [webhook_id])[webhook_id]
    return render(
        "webhooks/resume.html",
        fragment="webhooks/_resume.html",
        target="resume-webhook",
        webhook=webhook,
        stats=stats,
    )


@webhooks.post("/<webhook_id>/resume")
@require("webhooks:manage")
@runs_once
def resume(webhook_id: str) -> BaseResponse:
    """Send again, with or without what waited meanwhile."""
    # Nothing is cancelled unless exactly this was chosen.
    is_discarding = request.form.get("backlog") == "discard"
    cancelled = services.resume_webhook(
        current_team().id, webhook_id, backlog="discard" if is_discarding else "send"
    )
    flash(
        f"Resumed. {cancelled:,} waiting deliveries were cancelled." if is_discarding else "Resumed.",
        "success",
    )
    return redirect_after(url_for(".show", webhook_id=webhook_id))


@webhooks.get("/<webhook_id>/delete")
@require("webhooks:manage")
def confirm_delete(webhook_id: str) -> Response:
    """Ask before a webhook is deleted."""
    webhook = queries.get_webhook(current_team().id, webhook_id)
    stats = queries.stats_of(webhook.team_id, [webhook_id])[webhook_id]
    return render(
        "webhooks/delete.html",
        fragment="webhooks/_delete.html",
        target="delete-webhook",
        webhook=webhook,
        stats=stats,
    )


@webhooks.post("/<webhook_id>/delete")
@require("webhooks:manage")
@runs_once
def delete(webhook_id: str) -> BaseResponse:
    """Delete a webhook; its history stays."""
    name = queries.get_webhook(current_team().id, webhook_id).name
    cancelled = services.delete_webhook(current_team().id, webhook_id)
    flash(f"The webhook {name} was deleted; {cancelled:,} waiting deliveries were cancelled.", "success")
    return redirect_after(url_for(".index"))


@webhooks.post("/<webhook_id>/test")
@require("webhooks:manage")
@runs_once
def test(webhook_id: str) -> BaseResponse:
    """Send a test event and show its delivery."""
    event_type = request.form.get("event_type", "").strip() or None
    try:
        sent = services.send_test_event(current_team().id, webhook_id, event_type=event_type)
    except (Conflict, Invalid) as error:
        flash(error.detail, "error")
        return redirect_after(url_for(".show", webhook_id=webhook_id))
    flash("The test event is on its way.", "success")
    return redirect_after(url_for("deliveries.show", delivery_id=sent.delivery_id))


def _form_page(form: WebhookForm, *, webhook: Webhook | None = None, http_status: int = 200) -> Response:
    chosen = form.event_types.data or []
    return render(
        "webhooks/form.html",
        fragment="webhooks/_form.html",
        target="webhook-form",
        status=http_status,
        form=form,
        webhook=webhook,
        chosen=chosen,
        groups=choice_groups(known_types(current_team().id), chosen),
        schedule=_schedule_of_form(form),
        action=url_for(".update", webhook_id=webhook.id) if webhook else url_for(".create"),
    )


def _schedule_of_form(form: RetryFields) -> Schedule | None:
    """Return the schedule of the numbers in a form; None while they are none or too large."""
    try:
        numbers = form.numbers()
    except Invalid:
        return None
    if not all(low <= numbers[name] <= high for name, (low, high) in LIMITS.items() if name in numbers):
        return None
    return schedule_of(
        max_retries=numbers["max_retries"],
        first_retry_s=numbers["first_retry_s"],
        multiplier=numbers["retry_multiplier"],
    )


def _schedule_of(webhook: Webhook) -> Schedule:
    return schedule_of(
        max_retries=webhook.max_retries,
        first_retry_s=webhook.first_retry_s,
        multiplier=webhook.retry_multiplier,
    )
