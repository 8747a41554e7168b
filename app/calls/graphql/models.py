"""Versions of GraphQL schemas, and operations that were validated against them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.types import Id, Json, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class SchemaVersion(Base):
    """The schema of an integration's GraphQL API as it was at some time, and how it differed from the one before.

    Without a `number` it is a proposal: shown with what it would break, and not valid yet. There is one at a time.
    """

    __tablename__ = "graphql_schema_versions"
    __table_args__ = (
        UniqueConstraint("integration_id", "number"),
        Index(
            "uq_graphql_schema_versions_proposal",
            "integration_id",
            unique=True,
            sqlite_where=text("number IS NULL"),
            postgresql_where=text("number IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("gsv"))
    integration_id: Mapped[str] = mapped_column(Id, ForeignKey("integrations.id", ondelete="CASCADE"))
    #: Its integration's team, for scoping.
    team_id: Mapped[str] = mapped_column(Id)
    #: 1, 2, 3 …; the highest one is the current schema.
    number: Mapped[int | None]
    #: What it was compared with; None: nothing.
    base_number: Mapped[int | None]
    #: sdl or introspection.
    source: Mapped[str] = mapped_column(String(20))
    #: Canonical: sorted and printed in one way. Megabytes, which lists do not read.
    sdl: Mapped[str] = mapped_column(Text, deferred=True)
    #: SHA-256 of it.
    sdl_hash: Mapped[str] = mapped_column(String(64))
    types: Mapped[int]
    queries: Mapped[int]
    mutations: Mapped[int]
    breaking: Mapped[int] = mapped_column(default=0)
    dangerous: Mapped[int] = mapped_column(default=0)
    safe: Mapped[int] = mapped_column(default=0)
    #: Per severity the first changes: type and description each.
    changes: Mapped[dict[str, list[dict[str, str]]]] = mapped_column(Json, default=dict, deferred=True)
    #: The operations that it breaks: id, name and problems each; `operation_count` were checked.
    broken: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    operation_count: Mapped[int] = mapped_column(default=0)
    created_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class Operation(Base):
    """A GraphQL query or mutation that can be run through an integration, named as in its document."""

    __tablename__ = "graphql_operations"
    __table_args__ = (UniqueConstraint("integration_id", "name"), Index(None, "team_id", "id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("gop"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    integration_id: Mapped[str] = mapped_column(Id, ForeignKey("integrations.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500), default="", server_default="")
    #: query or mutation.
    kind: Mapped[str] = mapped_column(String(10))
    document: Mapped[str] = mapped_column(Text)
    #: What a form needs to ask for each variable; of the schema under which it was last valid.
    variables: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)
    #: What is wrong with it under the current schema, in words; empty: it is valid.
    problems: Mapped[list[str]] = mapped_column(Json, default=list)
    created_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, onupdate=clock.now)
