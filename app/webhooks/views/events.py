"""The page of an event, with its deliveries.

It is one of the pages of events and on their blueprint. Its view is here, because events are a layer below and know of no
deliveries.
"""

from flask import Response

from app.events.queries import get_event
from app.events.views import events
from app.lib.json_text import pretty_json
from app.web.access import current_team, require
from app.web.rendering import render
from app.webhooks.queries.events import deliveries_of_event, skipped_webhooks


@events.get("/<event_id>")
@require("events:read")
def show(event_id: str) -> Response:
    """Show an event as it is sent, who received it, and why others did not."""
    team_id = current_team().id
    event = get_event(team_id, event_id)
    return render(
        "events/show.html",
        event=event,
        body=pretty_json(event.body)[0],
        size_bytes=len(event.body.encode()),
        deliveries=deliveries_of_event(team_id, event),
        skipped=skipped_webhooks(team_id, event),
    )
