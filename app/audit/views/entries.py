"""Pages of the audit trail."""

import json
from collections.abc import Sequence
from typing import Any

from flask import Response, request
from pydantic import ValidationError

from app.audit import queries, rules
from app.audit.exports import csv_download
from app.audit.links import links_of
from app.audit.models import AuditEntry
from app.audit.queries import EntryFilter
from app.audit.schemas import EntryQuery
from app.audit.views.lists import NEWS, Listing, in_words, swaps, unchanged, version_of
from app.lib.paging import Page
from app.web.access import current_team, require
from app.web.rendering import render
from app.web.schemes import Pages

audit = Pages("audit", __name__, url_prefix="/t/<team>/audit")

_LISTING = Listing(
    "audit.index", "audit.export", ("q", "actor_id", "object_type", "action", "object_id", "from", "to")
)
_LABELS = {"from": "From", "to": "To", "q": "Search", "actor_id": "Who", "object_id": "Object id"}
_COLUMNS = (
    "time", "actor_kind", "actor_id", "actor", "action", "object_type", "object_id", "object", "changes", "detail",
    "address", "request_id", "id",
)  # fmt: skip


@audit.get("/")
@require("audit:read")
def index() -> Response:
    """Show who did what in the team, newest first, filtered; older pages and the refresh are fragments of it."""
    try:
        wanted = EntryQuery.model_validate(request.args.to_dict()).wanted()
    except ValidationError as error:
        return _page(EntryFilter(), Page(()), errors=in_words(error, _LABELS), status=422)
    page = queries.list_entries(current_team().id, wanted)
    if swaps(NEWS):
        return _news(wanted, page)
    return _page(wanted, page)


@audit.get("/export.csv")
@require("audit:read")
def export() -> Response:
    """Download what the filters choose, as CSV."""
    team = current_team()
    try:
        wanted = EntryQuery.model_validate(request.args.to_dict()).wanted()
    except ValidationError as error:
        return _page(EntryFilter(), Page(()), errors=in_words(error, _LABELS), status=422)
    return csv_download(
        f"audit-{team.slug}", _COLUMNS, queries.export_entries(team.id, wanted), _cells_of_entry
    )


def _page(
    wanted: EntryFilter, page: Page[AuditEntry], *, errors: Sequence[str] = (), status: int = 200
) -> Response:
    part_id = f"older-{wanted.cursor}"
    if wanted.cursor and swaps(part_id):
        fragment, target = "audit/_part.html", part_id
    elif swaps("list-bar"):
        fragment, target = "audit/_bar.html", "list-bar"
    else:
        fragment, target = "audit/_filtered.html", "audit-list"
    choices = queries.choices_of_entries(current_team().id)
    return render(
        "audit/index.html",
        fragment=fragment,
        target=target,
        status=status,
        errors=errors,
        has_filters=wanted.is_filtering or bool(errors),
        actors=_with_chosen(choices.actors, wanted.actor_id),
        actions=_with_chosen([(name, rules.action_words(name)) for name in choices.actions], wanted.action),
        object_types=_with_chosen(
            [(name, rules.object_words(name)) for name in choices.object_types], wanted.object_type
        ),
        **_context(wanted, page),
    )


def _news(wanted: EntryFilter, page: Page[AuditEntry]) -> Response:
    """Return the news for a page that is open: nothing, that there is some, or the newest rows."""
    if request.args.get("seen") == version_of(page):
        return unchanged()
    context = _context(wanted, page) | {"has_news": True, "has_filters": wanted.is_filtering, "errors": ()}
    context["shows_rows"] = request.args.get("idle") == "1"
    return render("audit/index.html", fragment="audit/_news.html", target=NEWS, **context)


def _context(wanted: EntryFilter, page: Page[AuditEntry]) -> dict[str, Any]:
    context = _LISTING.context(page, is_first=not wanted.cursor)
    return context | {
        "links": links_of(current_team().id, page.rows),
        "words": rules,
    }


def _with_chosen(choices: Sequence[tuple[str, str]], chosen: str | None) -> Sequence[tuple[str, str]]:
    """Return the choices of a filter; what is chosen stays among them, however long ago it was."""
    if chosen and chosen not in dict(choices):
        return [*choices, (chosen, chosen)]
    return choices


def _cells_of_entry(entry: AuditEntry) -> Sequence[object]:
    return (
        entry.created_at.isoformat(timespec="milliseconds"),
        entry.actor_kind,
        entry.actor_id,
        entry.actor_name,
        entry.action,
        entry.object_type,
        entry.object_id,
        entry.object_name,
        json.dumps(entry.changes, ensure_ascii=False) if entry.changes else None,
        entry.detail,
        entry.address,
        entry.request_id,
        entry.id,
    )
