"""`/api/v1/audit-entries` and `/api/v1/requests`."""

from flask_openapi import Tag

from app.audit import queries
from app.audit.queries import ENTRIES, REQUESTS
from app.audit.schemas import (
    EntryList,
    EntryOut,
    EntryPath,
    RequestDetailOut,
    RequestList,
    RequestOut,
    RequestPath,
)
from app.web.access import principal, require
from app.web.lists import ListQuery, takes
from app.web.schemas import PROBLEMS
from app.web.schemes import Api

audit_api = Api(
    "audit_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="Audit", description="Who did what, and which calls of the API came in.")],
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


@audit_api.get("/requests", summary="List calls of the API", responses={200: RequestList})
@require("audit:read")
@takes(REQUESTS)
def list_requests(query: ListQuery) -> RequestList:
    """Newest first; a call appears about a second after it was answered. Follow `next_cursor` until it is null."""
    page = REQUESTS.find(principal().team_id, query.selection(), size=query.limit)
    return RequestList.of(page, data=[RequestOut.of(row) for row in page.rows])


@audit_api.get(
    "/requests/<request_log_id>", summary="Show a call of the API", responses={200: RequestDetailOut}
)
@require("audit:read")
def show_request(path: RequestPath) -> RequestDetailOut:
    """Return one call; a refused one with its headers and bodies."""
    return RequestDetailOut.of(queries.get_request(principal().team_id, path.request_log_id))
