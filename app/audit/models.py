"""The audit trail of a team."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.types import Id, Json, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class AuditEntry(Base):
    """One act: who did what to which object, from where. Never changed; actors and objects may be gone since."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "team_id", "id"),
        Index("ix_audit_entries_actor", "team_id", "actor_id", "id"),
        Index("ix_audit_entries_object", "team_id", "object_id", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("aud"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    #: user, api_key, operator (the command line) or system (Signalbox itself).
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str | None] = mapped_column(Id)
    actor_name: Mapped[str] = mapped_column(String(100))
    #: `<object>.<past tense>`: `webhook.updated`, `api_key.revoked`, `user.signed_in`.
    action: Mapped[str] = mapped_column(String(64))
    object_type: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str | None] = mapped_column(Id)
    #: What the object was called then.
    object_name: Mapped[str | None] = mapped_column(String(255))
    #: By field name: [before, after], secrets masked. None where nothing changed but the act itself matters.
    changes: Mapped[dict[str, list[object]] | None] = mapped_column(Json)
    #: A sentence more, where the action alone is not enough.
    detail: Mapped[str | None] = mapped_column(String(500))
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
