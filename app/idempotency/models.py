"""Records of requests under an Idempotency-Key, and their answers."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.sealed import sealed
from app.db.types import Id, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class IdempotencyRecord(Base):
    """The first request under a key and its answer, kept for a day.

    With neither `committed_at` nor an answer, the request is still running, or died before it changed anything.
    """

    __tablename__ = "idempotency_records"
    __table_args__ = (Index(None, "team_id", "key", unique=True), Index(None, "created_at"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("idr"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    #: SHA-256 of API key, method, path and body: distinguishes a repetition from another request under the same key.
    request_digest: Mapped[str] = mapped_column(String(64))
    #: When the request committed what it did; written in that same transaction.
    committed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The id of the object that it created, as the API names it: enough to answer again.
    object_id: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[int | None]
    #: Sealed, because it holds the team's input. Secrets in it are masked before.
    body_sealed: Mapped[str | None] = mapped_column(
        Text, info=sealed("body", when_lost="nothing needs to be done, it is deleted within a day.")
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
