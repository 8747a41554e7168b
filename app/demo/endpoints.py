"""The endpoints of the demo team: requests to the demo receiver, which really answers."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.calls.rest.definition import Definition, Parameter
from app.calls.rest.services.endpoints import add_endpoint
from app.integrations.models import Integration

ENDPOINTS = (
    Definition(
        name="Ask for a status",
        description="See how a refusal, a failure and a redirect look.",
        path="/status/{code}",
        query=[("retry_after", "{{retry_after}}")],
        parameters=[
            Parameter(name="code", type="number", default=200, note="200 to 599."),
            Parameter(
                name="retry_after", type="number", is_required=False, note="In seconds, with 429 and 503."
            ),
        ],
    ),
    Definition(
        name="Send a note",
        description="The receiver counts the bytes of what it got.",
        method="POST",
        path="/ok",
        body='{\n  "text": "{{text}}",\n  "pinned": "{{pinned}}"\n}',
        parameters=[
            Parameter(name="text", note="Anything."),
            Parameter(name="pinned", type="boolean", default=False),
        ],
        idempotency_header="Idempotency-Key",
    ),
)


def add_endpoints(session: Session, team_id: str, owner_id: str) -> None:
    """Add the endpoints to the caller's transaction, where the team has the integration that they are sent through."""
    query = select(Integration.id).where(Integration.team_id == team_id, Integration.provider == "rest")
    integration_id = session.scalar(query.limit(1))
    if integration_id is None:
        return
    for definition in ENDPOINTS:
        add_endpoint(session, team_id, integration_id, definition, created_by_id=owner_id)
