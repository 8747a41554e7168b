"""Pages of the audit trail."""

from flask import Response

from app.audit import rules
from app.audit.links import links_of
from app.audit.queries import ENTRIES
from app.web.access import current_team, require
from app.web.lists import ListPage
from app.web.schemes import Pages

audit = Pages("audit", __name__, url_prefix="/t/<team>/audit")

_CELLS = (
    "time=created_at", "actor_kind", "actor_id", "actor=actor_name", "action", "object_type", "object_id",
    "object=object_name", "changes", "detail", "address", "request_id", "id",
)  # fmt: skip
_LIST = ListPage(
    spec=ENTRIES,
    name="audit",
    singular="entry",
    plural="entries",
    endpoint="audit.index",
    templates="audit",
    export_endpoint="audit.export",
    cells=_CELLS,
    rows_context=lambda rows: {"links": links_of(current_team().id, rows), "words": rules},
)


@audit.get("/")
@require("audit:read")
def index() -> Response:
    """Show who did what in the team, newest first, filtered; older pages and the refresh are parts of it."""
    return _LIST.show()


@audit.get("/export.csv")
@require("audit:read")
def export() -> Response:
    """Download what the filters choose, as CSV."""
    return _LIST.download()
