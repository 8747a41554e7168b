"""Pages of notifications."""

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.lib.errors import SignalboxError
from app.notifications.forms import NotificationForm
from app.notifications.queries import get_notification, integrations_for_messages, notifications_of
from app.notifications.rules import TYPES
from app.notifications.services.notifications import (
    create_notification,
    delete_notification,
    set_notification_enabled,
)
from app.web.access import current_team, principal, require
from app.web.forms import keeps_input, runs_once
from app.web.rendering import redirect_after, render
from app.web.schemes import Pages

notifications = Pages("notifications", __name__, url_prefix="/t/<team>/integrations/notifications")


@notifications.get("/")
@require("integrations:read")
def index() -> Response:
    """List the team's notifications, and what became of their last messages."""
    team_id = current_team().id
    return render(
        "notifications/index.html",
        rows=notifications_of(team_id),
        can_add=bool(integrations_for_messages(team_id)),
    )


@notifications.get("/new")
@require("integrations:write")
def new() -> Response:
    """Show the form of a new notification."""
    return _form_page(NotificationForm(formdata=None))


@notifications.post("/new")
@require("integrations:write")
@keeps_input(NotificationForm)
@runs_once
def create() -> BaseResponse:
    """Create a notification."""
    form = NotificationForm()
    try:
        create_notification(
            current_team().id,
            str(form.integration_id.data or ""),
            form.event_types.data or [],
            str(form.channel.data or ""),
            created_by_id=principal().id,
        )
    except SignalboxError as error:
        form.take_errors(error)
        return _form_page(form, http_status=error.status)
    flash("The notification was created.", "success")
    return redirect_after(url_for(".index"))


@notifications.post("/<notification_id>/enable")
@require("integrations:write")
@runs_once
def enable(notification_id: str) -> BaseResponse:
    """Post what happens from now on."""
    set_notification_enabled(current_team().id, notification_id, is_enabled=True)
    flash("Switched on.", "success")
    return redirect_after(url_for(".index"))


@notifications.post("/<notification_id>/disable")
@require("integrations:write")
@runs_once
def disable(notification_id: str) -> BaseResponse:
    """Post nothing until somebody switches it on."""
    set_notification_enabled(current_team().id, notification_id, is_enabled=False)
    flash("Switched off. What happens meanwhile is not posted later.", "success")
    return redirect_after(url_for(".index"))


@notifications.get("/<notification_id>/delete")
@require("integrations:write")
def confirm_delete(notification_id: str) -> Response:
    """Ask before a notification is deleted."""
    return render(
        "notifications/delete.html",
        fragment="notifications/_delete.html",
        target="delete-notification",
        notification=get_notification(current_team().id, notification_id),
    )


@notifications.post("/<notification_id>/delete")
@require("integrations:write")
@runs_once
def delete(notification_id: str) -> BaseResponse:
    """Delete a notification."""
    delete_notification(current_team().id, notification_id)
    flash("The notification was deleted.", "success")
    return redirect_after(url_for(".index"))


def _form_page(form: NotificationForm, *, http_status: int = 200) -> Response:
    found = integrations_for_messages(current_team().id)
    form.integration_id.choices = {one.id: one.name for one in found}
    return render(
        "notifications/form.html",
        fragment="notifications/_form.html",
        target="notification-form",
        status=http_status,
        form=form,
        notes={name: known.description for name, known in TYPES.items()},
        has_integrations=bool(found),
    )
