"""`/api/v1/audit-entries`."""

from flask_openapi import Tag

from app.audit import queries
from app.audit.queries import ENTRIES
from app.audit.schemas import EntryList, EntryOut, EntryPath
from app.web.access import principal, require
from app.web.lists import ListQuery, takes
from app.web.schemas import PROBLEMS
from app.web.schemes import Api

audit_api = Api(
    "audit_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="Audit trail", description="Who did what.")],
    abp_responses={**PROBLEMS},
)


@audit_api.get("/audit-entries", summary="List the audit trail", responses={200: EntryList})
@require("audit:read")
@takes(ENTRIES)
def list_audit_entries(query: ListQuery) -> EntryList:
    """Newest first. Follow `next_cursor` until it is null."""
    page = ENTRIES.find(principal().team_id, query.selection(), size=query.limit)
    return EntryList.of(page, data=[EntryOut.of(row) for row in page.rows])


@audit_api.get("/audit-entries/<entry_id>", summary="Show an audit entry", responses={200: EntryOut})
@require("audit:read")
def show_audit_entry(path: EntryPath) -> EntryOut:
    """Return one act with what it changed."""
    return EntryOut.of(queries.get_entry(principal().team_id, path.entry_id))
