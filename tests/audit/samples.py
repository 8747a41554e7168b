"""Values for the parameters of the routes of the audit trail and the request log."""

from collections.abc import Mapping

from app.audit.models import AuditEntry, LoggedRequest
from app.extensions import db
from tests.people import People


def add_samples(people: People, _known: Mapping[str, str]) -> dict[str, str]:
    """Add objects of team acme; return the parameters that name them."""
    team_id = people.acme.id
    entry = AuditEntry(team_id=team_id, actor_kind="system", actor_name="x", action="x.done", object_type="x")
    logged = LoggedRequest(team_id=team_id, method="GET", path="/", status=200, duration_ms=1)
    db.session.add_all([entry, logged])
    db.session.flush()
    return {"entry_id": entry.id, "request_log_id": logged.id}
