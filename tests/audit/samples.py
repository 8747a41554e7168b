"""Values for the parameters of the routes of the audit trail."""

from collections.abc import Mapping

from app.audit.models import AuditEntry
from app.extensions import db
from tests.people import People


def add_samples(people: People, _known: Mapping[str, str]) -> dict[str, str]:
    """Add an entry of team acme; return the parameters that name it."""
    entry = AuditEntry(
        team_id=people.acme.id, actor_kind="system", actor_name="x", action="x.done", object_type="x"
    )
    db.session.add(entry)
    db.session.flush()
    return {"entry_id": entry.id}
