"""Pages of events and event types. That of one event shows its deliveries: it is in `app/webhooks/views/events.py`."""

import itertools
import json
from typing import Any

import orjson
from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.audit.latest import latest_change
from app.events import queries, services
from app.events.catalogue import KnownType
from app.events.forms import EventTypeForm
from app.events.queries import EVENTS
from app.extensions import current_settings
from app.lib.errors import Invalid, NotFound, PreconditionFailed, SignalboxError
from app.web.access import current_team, require
from app.web.forms import keeps_input, runs_once
from app.web.lists import ListPage
from app.web.rendering import redirect_after, render
from app.web.schemes import Pages

events = Pages("events", __name__, url_prefix="/t/<team>/events")
event_types = Pages("event_types", __name__, url_prefix="/t/<team>/event-types")

_EMIT = """curl {url}/api/v1/events \\
  -H "Authorization: Bearer $SIGNALBOX_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{body}'
"""


_CELLS = (
    "time=created_at", "type", "is_test", "idempotency_key", "id",
)  # fmt: skip
_LIST = ListPage(
    spec=EVENTS,
    name="event",
    singular="event",
    plural="events",
    endpoint="events.index",
    templates="events",
    columns=(("Type", ""), ("Event", ""), ("Idempotency key", ""), ("Accepted", "")),
    export_endpoint="events.export",
    cells=_CELLS,
)


@events.get("/")
@require("events:read")
def index() -> Response:
    """List events, newest first, filtered by type, kind and time, or found by id or idempotency key."""
    return _LIST.show(_how_to_emit)


@events.get("/export.csv")
@require("events:read")
def export() -> Response:
    """Download what the filters choose, without the data of the events, as CSV."""
    return _LIST.download(_how_to_emit)


@event_types.get("/", endpoint="index")
@require("events:read")
def types_index() -> Response:
    """List all event types: the team's own, then the built-in ones by category."""
    team_id = current_team().id
    built_in = [known for known in queries.known_types(team_id) if not known.is_own]
    groups = [
        (name, list(group)) for name, group in itertools.groupby(built_in, key=lambda known: known.category)
    ]
    return render("event_types/index.html", own=queries.own_types(team_id), groups=groups)


@event_types.get("/new")
@require("event_types:manage")
def new() -> Response:
    """Show the form for a type of the team's own."""
    return _form_page(EventTypeForm(example="{\n  \n}"))


@event_types.post("/new")
@require("event_types:manage")
@keeps_input(EventTypeForm)
@runs_once
def create() -> BaseResponse:
    """Add a type of the team's own."""
    form = EventTypeForm()
    try:
        known = services.create_type(
            current_team().id,
            name=str(form.name.data or "").strip(),
            description=str(form.description.data or "").strip(),
            example=_read_example(form),
        )
    except SignalboxError as error:
        form.take_errors(error)
        return _form_page(form, status=error.status)
    flash(f"The event type {known.name} was added. Emit it, and subscribe webhooks to it.", "success")
    return redirect_after(url_for(".show", name=known.name))


@event_types.get("/<name>", endpoint="show")
@require("events:read")
def show_type(name: str) -> Response:
    """Show a type with its example and how to emit it."""
    known = queries.get_type(current_team().id, name)
    return render(
        "event_types/show.html",
        known=known,
        example=_pretty(known.example),
        emit_example=None if known.is_operational else _emit_example(known.name, known.example),
    )


@event_types.get("/<name>/edit")
@require("event_types:manage")
def edit(name: str) -> Response:
    """Show the form that changes a type of the team's own."""
    known = _own_type(name)
    return _form_page(_form_of(known), known=known)


@event_types.post("/<name>/edit")
@require("event_types:manage")
@keeps_input(EventTypeForm)
@runs_once
def update(name: str) -> BaseResponse:
    """Change what is said about a type of the team's own."""
    known = _own_type(name)
    form = EventTypeForm(name=known.name)
    try:
        services.change_type(
            current_team().id,
            name,
            description=str(form.description.data or "").strip(),
            example=_read_example(form),
            expected=form.expected_version,
        )
    except PreconditionFailed as error:
        known = _own_type(name)
        team_id = current_team().id
        change = latest_change(team_id, queries.id_of_type(team_id, name), "event_type.updated")
        form.show_conflict(_form_of(known), change, newer_url=url_for(".edit", name=name))
        return _form_page(form, known=known, status=error.status)
    except SignalboxError as error:
        form.take_errors(error)
        return _form_page(form, known=known, status=error.status)
    flash(f"The event type {name} was changed.", "success")
    return redirect_after(url_for(".show", name=name))


@event_types.get("/<name>/delete")
@require("event_types:manage")
def confirm_delete(name: str) -> Response:
    """Ask before a type is deleted."""
    return render(
        "event_types/delete.html",
        fragment="event_types/_delete.html",
        target="delete-type",
        known=_own_type(name),
    )


@event_types.post("/<name>/delete")
@require("event_types:manage")
@runs_once
def delete(name: str) -> BaseResponse:
    """Delete a type of the team's own."""
    services.delete_type(current_team().id, _own_type(name).name)
    flash(f"The event type {name} was deleted. Its events and deliveries stay.", "success")
    return redirect_after(url_for(".index"))


def _how_to_emit() -> dict[str, str]:
    known = queries.get_type(current_team().id, "post.published")
    return {"emit_example": _emit_example(known.name, known.example)}


def _own_type(name: str) -> KnownType:
    known = queries.get_type(current_team().id, name)
    if not known.is_own:
        raise NotFound(f"{known.name} is built in: it cannot be changed or deleted.")
    return known


def _form_of(known: KnownType) -> EventTypeForm:
    """Return the form filled with what is said about a type."""
    shown = {"name": known.name, "description": known.description, "example": _pretty(known.example)}
    form = EventTypeForm(formdata=None, **shown)
    form.begin_with(services.type_version(known))
    return form


def _read_example(form: EventTypeForm) -> dict[str, Any]:
    text = str(form.example.data or "").strip() or "{}"
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid.field(
            "example", f"This is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    if not isinstance(value, dict):
        raise Invalid.field("example", "Write a JSON object: {…}.")
    return value


def _form_page(form: EventTypeForm, *, known: KnownType | None = None, status: int = 200) -> Response:
    return render(
        "event_types/form.html",
        fragment="event_types/_form.html",
        target="type-form",
        status=status,
        form=form,
        known=known,
        action=url_for(".update", name=known.name) if known else url_for(".create"),
    )


def _emit_example(event_type: str, data: dict[str, Any]) -> str:
    body = json.dumps({"type": event_type, "data": data}, indent=2, ensure_ascii=False)
    # Inside single quotes a shell reads everything as it stands, but the quote itself.
    return _EMIT.format(url=current_settings().public_url, body=body.replace("'", "'\\''"))


def _pretty(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
