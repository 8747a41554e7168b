"""Who changed an object last, for whoever edited it at the same time."""

from sqlalchemy import select

from app.audit.models import AuditEntry
from app.extensions import db
from app.web.forms import Change


def latest_change(team_id: str, object_id: str, action: str) -> Change | None:
    """Return who did this last to the object, and when; None when the trail has no such entry (any more)."""
    query = (
        select(AuditEntry.actor_name, AuditEntry.created_at)
        .where(AuditEntry.team_id == team_id, AuditEntry.object_id == object_id, AuditEntry.action == action)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )
    found = db.session.execute(query).one_or_none()
    return Change(*found) if found else None
