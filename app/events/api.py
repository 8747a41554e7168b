"""`/api/v1/events` and `/api/v1/event-types`."""

import orjson
from flask import Response, request
from flask_openapi import Tag
from werkzeug.exceptions import RequestEntityTooLarge

from app.events import queries, services
from app.events.queries import EVENTS
from app.events.schemas import (
    EventAccepted,
    EventBatchAccepted,
    EventBatchIn,
    EventDetail,
    EventIn,
    EventList,
    EventOut,
    EventPath,
    EventTypeChange,
    EventTypeIn,
    EventTypeList,
    EventTypeOut,
    EventTypePath,
    EventTypeQuery,
)
from app.extensions import current_settings
from app.idempotency.api import idempotent
from app.lib.errors import Invalid, TooLarge
from app.web.access import principal, require
from app.web.forms.versions import expected_by_caller, tag_response
from app.web.lists import ListQuery, takes
from app.web.openapi.marks import returns_etag, takes_idempotency_key, takes_if_match
from app.web.problems import answer
from app.web.schemas import PROBLEMS, Problem
from app.web.schemes import Api

events_api = Api("events_api", __name__, url_prefix="/api/v1", abp_responses={**PROBLEMS})

_EVENTS = Tag(name="Events", description="Things that happened in your product.")
_TYPES = Tag(name="Event types", description="What kinds of events there are.")


@events_api.post(
    "/events",
    tags=[_EVENTS],
    summary="Emit an event",
    responses={202: EventAccepted, 200: EventAccepted, 409: Problem, 413: Problem},
)
@require("events:write")
@takes_idempotency_key
def emit_event(body: EventIn) -> tuple[EventAccepted, int]:
    """Store an event and its deliveries to every webhook that subscribes to its type.

    202: it is stored. 200: it was stored before under the same idempotency key, which counts for as long as the event
    is kept. What a test key (`sb_test_…`) emits is marked as a test.
    """
    emitted = services.emit(
        principal().team_id,
        body.type,
        body.data,
        idempotency_key=_idempotency_key(body.idempotency_key),
        is_test=principal().is_test,
    )
    return EventAccepted.of(emitted), 202 if emitted.is_new else 200


@events_api.post(
    "/events/batch",
    tags=[_EVENTS],
    summary="Emit up to 100 events",
    responses={202: EventBatchAccepted, 409: Problem, 413: Problem},
)
@require("events:write")
def emit_events(body: EventBatchIn) -> tuple[EventBatchAccepted, int]:
    """Store several events in one transaction: all of them, or, when one is refused, none."""
    events = [services.EventToEmit(item.type, item.data, item.idempotency_key) for item in body.events]
    emitted = services.emit_batch(principal().team_id, events, is_test=principal().is_test)
    return EventBatchAccepted(data=[EventAccepted.of(one) for one in emitted]), 202


@events_api.get("/events", tags=[_EVENTS], summary="List events", responses={200: EventList})
@require("events:read")
@takes(EVENTS)
def list_events(query: ListQuery) -> EventList:
    """Return events without their data, newest first."""
    page = EVENTS.find(principal().team_id, query.selection(), size=query.limit)
    return EventList.of(page, data=[EventOut.of(event) for event in page.rows])


@events_api.get("/events/<event_id>", tags=[_EVENTS], summary="Get an event", responses={200: EventDetail})
@require("events:read")
def get_event(path: EventPath) -> EventDetail:
    """Return one event with its data."""
    event = queries.get_event(principal().team_id, path.event_id)
    return EventDetail.of(event, data=orjson.loads(event.body)["data"])


@events_api.get("/event-types", tags=[_TYPES], summary="List event types", responses={200: EventTypeList})
@require("events:read")
def list_event_types(query: EventTypeQuery) -> EventTypeList:
    """Return the built-in types, then the team's own by name, with an example of each."""
    page = queries.list_types(principal().team_id, limit=query.limit, cursor=query.cursor)
    return EventTypeList.of(page, data=[EventTypeOut.of(known) for known in page.rows])


@events_api.post(
    "/event-types", tags=[_TYPES], summary="Add an event type", responses={201: EventTypeOut, 409: Problem}
)
@require("event_types:manage")
@idempotent(
    EventTypeOut, status=201, replay=lambda name: EventTypeOut.of(queries.get_type(principal().team_id, name))
)
def create_event_type(body: EventTypeIn) -> tuple[EventTypeOut, int]:
    """Add a type of your own."""
    known = services.create_type(
        principal().team_id, name=body.name, description=body.description, example=body.example
    )
    return EventTypeOut.of(known), 201


@events_api.get(
    "/event-types/<name>", tags=[_TYPES], summary="Get an event type", responses={200: EventTypeOut}
)
@require("events:read")
@returns_etag
def get_event_type(path: EventTypePath) -> EventTypeOut:
    """Return one type. `ETag` stands for what is said about it."""
    known = queries.get_type(principal().team_id, path.name)
    tag_response(services.type_version(known))
    return EventTypeOut.of(known)


@events_api.patch(
    "/event-types/<name>",
    tags=[_TYPES],
    summary="Change an event type",
    responses={200: EventTypeOut, 409: Problem},
)
@require("event_types:manage")
@takes_if_match
@returns_etag
def change_event_type(path: EventTypePath, body: EventTypeChange) -> EventTypeOut:
    """Change the description or the example of a type of your own. Its name stays."""
    team_id = principal().team_id
    queries.get_type(team_id, path.name)
    changed = services.change_type(
        team_id,
        path.name,
        description=body.description,
        example=body.example,
        expected=expected_by_caller(),
    )
    tag_response(services.type_version(changed))
    return EventTypeOut.of(changed)


@events_api.delete(
    "/event-types/<name>", tags=[_TYPES], summary="Delete an event type", responses={204: None, 409: Problem}
)
@require("event_types:manage")
@takes_if_match
def delete_event_type(path: EventTypePath) -> tuple[str, int]:
    """Delete a type of your own: new events of it are refused, stored ones stay."""
    known = queries.get_type(principal().team_id, path.name)
    services.delete_type(principal().team_id, known.name, expected=expected_by_caller())
    return "", 204


@events_api.errorhandler(RequestEntityTooLarge)
def _too_large(_error: RequestEntityTooLarge) -> Response:
    cap_bytes = current_settings().event_body_max_bytes
    return answer(
        TooLarge(
            f"The request is larger than an event may be: {cap_bytes} bytes (EVENT_BODY_MAX_BYTES)."
            " Send a reference to large content instead of the content."
        )
    )


def _idempotency_key(in_body: str | None) -> str | None:
    """Return the key of the body or of the header `Idempotency-Key`. Raises Invalid when they differ."""
    in_header = request.headers.get("Idempotency-Key")
    if in_body is not None and in_header is not None and in_body != in_header:
        raise Invalid.field(
            "idempotency_key",
            "The header Idempotency-Key and the field idempotency_key differ. Send one, or both the same.",
        )
    return in_header if in_body is None else in_body
