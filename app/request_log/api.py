"""`/api/v1/requests`."""

from flask_openapi import Tag

from app.request_log import queries
from app.request_log.queries import REQUESTS
from app.request_log.schemas import RequestDetailOut, RequestList, RequestOut, RequestPath
from app.web.access import principal, require
from app.web.lists import ListQuery, takes
from app.web.schemas import PROBLEMS
from app.web.schemes import Api

request_log_api = Api(
    "request_log_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[
        Tag(
            name="Request log",
            description="Which calls of the API came in, and which went out to other services.",
        )
    ],
    abp_responses={**PROBLEMS},
)


@request_log_api.get("/requests", summary="List calls, in and out", responses={200: RequestList})
@require("audit:read")
@takes(REQUESTS)
def list_requests(query: ListQuery) -> RequestList:
    """Newest first; a call of the API appears about a second after it was answered. Follow `next_cursor` until it is null."""
    page = REQUESTS.find(principal().team_id, query.selection(), size=query.limit)
    return RequestList.of(page, data=[RequestOut.of(row) for row in page.rows])


@request_log_api.get("/requests/<request_log_id>", summary="Show a call", responses={200: RequestDetailOut})
@require("audit:read")
def show_request(path: RequestPath) -> RequestDetailOut:
    """Return one call; one to a service, and one that was refused, with headers and bodies."""
    return RequestDetailOut.of(queries.get_request(principal().team_id, path.request_log_id))
