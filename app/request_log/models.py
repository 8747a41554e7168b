"""The request log of a team."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.types import Id, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class LoggedRequest(Base):
    """One call of the API: what came in and how it was answered. Headers and bodies only where it was refused."""

    __tablename__ = "logged_requests"
    __table_args__ = (
        Index(None, "team_id", "id"),
        Index("ix_logged_requests_key", "team_id", "api_key_id", "id"),
        # Few requests fail: what people look for stays small.
        Index(
            "ix_logged_requests_failed",
            "team_id",
            "id",
            sqlite_where=text("status >= 400"),
            postgresql_where=text("status >= 400"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("req"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    #: No foreign key: written in batches after the answer, and kept when the key is gone.
    api_key_id: Mapped[str | None] = mapped_column(Id)
    api_key_name: Mapped[str | None] = mapped_column(String(100))
    method: Mapped[str] = mapped_column(String(8))
    #: With its query, secrets masked.
    path: Mapped[str] = mapped_column(String(2048))
    #: The route that answered, `/api/v1/events/<event_id>`; None where there is none.
    route: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[int]
    #: The code of the problem it was answered with.
    error_code: Mapped[str | None] = mapped_column(String(32))
    error_detail: Mapped[str | None] = mapped_column(String(500))
    duration_ms: Mapped[float] = mapped_column(Float)
    request_bytes: Mapped[int] = mapped_column(default=0)
    response_bytes: Mapped[int] = mapped_column(default=0)
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    request_id: Mapped[str | None] = mapped_column(String(64))
    #: JSON list of [name, value] pairs, secrets masked.
    request_headers: Mapped[str | None] = mapped_column(Text)
    request_body: Mapped[str | None] = mapped_column(Text)
    response_body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
