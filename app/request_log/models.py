"""The request log of a team: calls of the API, and calls to other services."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.types import Id, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id

#: No answer counts as a failure. Queries repeat it to the letter: so both databases see that the index of failures fits.
FAILED = "status IS NULL OR status >= 400"


class LoggedRequest(Base):
    """One call, in or out: what was sent and how it was answered.

    Of calls of the API headers and bodies are kept only where they were refused, of calls to other services always.
    """

    __tablename__ = "logged_requests"
    __table_args__ = (
        Index(None, "team_id", "id"),
        Index("ix_logged_requests_key", "team_id", "api_key_id", "id"),
        # Few requests fail: what people look for stays small.
        Index(
            "ix_logged_requests_failed",
            "team_id",
            "id",
            sqlite_where=text(FAILED),
            postgresql_where=text(FAILED),
        ),
        # Either direction can be the rare one.
        Index("ix_logged_requests_direction", "team_id", "direction", "id"),
        Index(
            "ix_logged_requests_integration",
            "team_id",
            "integration_id",
            "id",
            sqlite_where=text("integration_id IS NOT NULL"),
            postgresql_where=text("integration_id IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("req"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    #: in: of our API; out: to another service.
    direction: Mapped[str] = mapped_column(String(3), default="in", server_default="in")
    #: Of a call to a service: through which integration, what for, and the id of the definition it was made from.
    #: No foreign keys: a call is kept when they are gone.
    integration_id: Mapped[str | None] = mapped_column(Id)
    integration_name: Mapped[str | None] = mapped_column(String(100))
    purpose: Mapped[str | None] = mapped_column(String(16))
    source_id: Mapped[str | None] = mapped_column(Id)
    #: No foreign key: written in batches after the answer, and kept when the key is gone.
    api_key_id: Mapped[str | None] = mapped_column(Id)
    api_key_name: Mapped[str | None] = mapped_column(String(100))
    method: Mapped[str] = mapped_column(String(8))
    #: Of a call to a service: where to, http or https, and the host with its port where it is not the usual one.
    scheme: Mapped[str | None] = mapped_column(String(5))
    host: Mapped[str | None] = mapped_column(String(255))
    #: With its query, secrets masked.
    path: Mapped[str] = mapped_column(String(2048))
    #: The route that answered, `/api/v1/events/<event_id>`; None where there is none.
    route: Mapped[str | None] = mapped_column(String(200))
    #: None: there was no answer.
    status: Mapped[int | None]
    #: The code of the problem it was answered with; of a call to a service, the kind of its failure.
    error_code: Mapped[str | None] = mapped_column(String(32))
    error_detail: Mapped[str | None] = mapped_column(String(500))
    duration_ms: Mapped[float] = mapped_column(Float)
    #: How many requests were sent for one call, and the phases of the last one.
    tries: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    dns_ms: Mapped[float | None] = mapped_column(Float)
    connect_ms: Mapped[float | None] = mapped_column(Float)
    tls_ms: Mapped[float | None] = mapped_column(Float)
    first_byte_ms: Mapped[float | None] = mapped_column(Float)
    request_bytes: Mapped[int] = mapped_column(default=0)
    response_bytes: Mapped[int] = mapped_column(default=0)
    #: The network address of the other side.
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    request_id: Mapped[str | None] = mapped_column(String(64))
    #: JSON list of [name, value] pairs, secrets masked.
    request_headers: Mapped[str | None] = mapped_column(Text)
    request_body: Mapped[str | None] = mapped_column(Text)
    response_headers: Mapped[str | None] = mapped_column(Text)
    response_body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    @property
    def is_outgoing(self) -> bool:
        """Whether it is a call to another service."""
        return self.direction == "out"

    @property
    def address_text(self) -> str:
        """Where it went, for people: the path of our API, or host and path of another service."""
        return f"{self.host or ''}{self.path}"

    @property
    def url(self) -> str:
        """The whole address of a call to a service; of a call of the API its path."""
        return f"{self.scheme}://{self.host}{self.path}" if self.host else self.path
