"""Endpoints of integrations: definitions of requests."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.types import Id, Json, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class Endpoint(Base):
    """A request that can be sent through an integration with the values of its parameters. Holds no secrets."""

    __tablename__ = "endpoints"
    __table_args__ = (Index(None, "team_id", "id"), Index(None, "integration_id", "id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("ept"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    integration_id: Mapped[str] = mapped_column(Id, ForeignKey("integrations.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500), default="", server_default="")
    method: Mapped[str] = mapped_column(String(10))
    #: Below the integration's base address, with places `{name}`.
    path: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    #: [name, template] each, with places `{{name}}`, in their order.
    query: Mapped[list[list[str]]] = mapped_column(Json, default=list)
    headers: Mapped[list[list[str]]] = mapped_column(Json, default=list)
    #: JSON text with places `{{name}}` in its strings, as it was written; empty: no body.
    body: Mapped[str] = mapped_column(Text, default="", server_default="")
    parameters: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    pagination: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    #: The header in which the service takes an idempotency key; empty: it takes none.
    idempotency_header: Mapped[str] = mapped_column(String(100), default="", server_default="")
    created_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, onupdate=clock.now)
