"""Integrations, their OAuth connections, the apps that these are made through, and what was called by the hour."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, false, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base
from app.db.leases import Leased
from app.db.sealed import sealed
from app.db.types import Id, Json, OptionalJson, UtcDateTime
from app.lib import clock
from app.lib.ids import new_id


class Integration(Base):
    """A service that a team has configured, made from a provider of the catalogue."""

    __tablename__ = "integrations"
    __table_args__ = (
        Index(None, "team_id", "id"),
        Index(
            "ix_integrations_public",
            "id",
            sqlite_where=text("is_public"),
            postgresql_where=text("is_public"),
        ),
        Index(None, "source_id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("int"))
    team_id: Mapped[str] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    #: Slug of its provider.
    provider: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500), default="", server_default="")
    #: Slug of a provider whose picture it shows instead of its own's.
    logo: Mapped[str | None] = mapped_column(String(40))
    #: Slug of one of the provider's ways to authenticate.
    auth_method: Mapped[str] = mapped_column(String(40))
    #: Answers to the provider's fields that are no secrets, by name.
    config: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    #: Sealed JSON object: the answers that are secrets, by name.
    credentials_sealed: Mapped[str | None] = mapped_column(
        Text, info=sealed("credentials", when_lost="edit the integration and write its credentials again.")
    )
    #: What is asked for when it is connected.
    scopes: Mapped[list[str]] = mapped_column(Json, default=list)
    #: None: no limit of its own.
    hourly_limit: Mapped[int | None]
    daily_limit: Mapped[int | None]
    #: Offered to the other teams of the installation, without its secrets.
    is_public: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: What they are offered, as it was when its team published it (`app.integrations.offers`); None: nothing.
    offer: Mapped[dict[str, Any] | None] = mapped_column(OptionalJson)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The public integration of another team that it was made from.
    source_id: Mapped[str | None] = mapped_column(Id, ForeignKey("integrations.id", ondelete="SET NULL"))
    #: The team's own notes on it, by name.
    details: Mapped[dict[str, str]] = mapped_column("metadata", Json, default=dict)
    is_enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    #: When it was last tested, and what was wrong then; None: nothing. A call's failure counts as a test's, a success too.
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error_kind: Mapped[str | None] = mapped_column(String(40))
    error_detail: Mapped[str | None] = mapped_column(String(500))
    #: Since when every test and call has failed.
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, onupdate=clock.now)

    connection: Mapped["Connection | None"] = relationship(passive_deletes=True, lazy="selectin")


class Connection(Leased, Base):
    """An integration's OAuth grant. Due when its access token is to be refreshed, or the grant to be kept alive.

    Who refreshes holds the lease: of all processes one at a time.
    """

    __tablename__ = "connections"
    __table_args__ = (Index(None, "due_at"), Index(None, "team_id", "id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("con"))
    integration_id: Mapped[str] = mapped_column(
        Id, ForeignKey("integrations.id", ondelete="CASCADE"), unique=True
    )
    #: Its integration's team, for scoping.
    team_id: Mapped[str] = mapped_column(Id)
    #: One of `rules.CONNECTED`, `NEEDS_RECONNECT` and `APP_REFUSED`.
    state: Mapped[str] = mapped_column(String(20), default="connected")
    #: Why it has to be connected again: the provider's code, and words for people.
    reason_code: Mapped[str | None] = mapped_column(String(100))
    reason: Mapped[str | None] = mapped_column(String(500))
    state_changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    #: Sealed JSON of the token set.
    tokens_sealed: Mapped[str] = mapped_column(Text, info=sealed("tokens", when_lost="connect it again."))
    #: Counts the token sets: what a slower refresh would write over a newer one is dropped.
    token_version: Mapped[int] = mapped_column(default=1, server_default="1")
    #: What the provider said that addresses need, such as `instance_url`, by name.
    details: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    #: Whose account it is at the provider, where that is known.
    account: Mapped[str | None] = mapped_column(String(200))
    #: What was granted, as the provider wrote it; None: what was asked for.
    granted_scope: Mapped[str | None] = mapped_column(String(2000))
    #: When the access token ends; None: unknown.
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When the grant ends whatever one does; None: unknown, or never.
    grant_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The last token set's birth, and how many refreshes in a row have failed since.
    refreshed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    refresh_failures: Mapped[int] = mapped_column(default=0, server_default="0")
    last_refresh_error: Mapped[str | None] = mapped_column(String(500))
    connected_by_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    connected_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class ProviderApp(Base):
    """An app that is registered with a provider: its client id and secret. A team's own, or the operator's for all."""

    __tablename__ = "provider_apps"
    __table_args__ = (
        Index("uq_provider_apps_team", "team_id", "provider", unique=True),
        # NULLs are distinct to a unique index: without this the installation could have two.
        Index(
            "uq_provider_apps_installation",
            "provider",
            unique=True,
            sqlite_where=text("team_id IS NULL"),
            postgresql_where=text("team_id IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=lambda: new_id("app"))
    team_id: Mapped[str | None] = mapped_column(Id, ForeignKey("teams.id", ondelete="CASCADE"))
    #: Slug.
    provider: Mapped[str] = mapped_column(String(40))
    client_id: Mapped[str] = mapped_column(String(500))
    client_secret_sealed: Mapped[str | None] = mapped_column(
        Text, info=sealed("client_secret", when_lost="write the app's client secret again.")
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, onupdate=clock.now)


class CallCount(Base):
    """Calls through one integration in one hour: what health is read from.

    `bucket_0`, `bucket_1`, …: how many took so long as `rules.LATENCY_BUCKETS_MS` says. A column for each, for a page adds
    up the hours of a month.
    """

    __tablename__ = "call_counts"
    __table_args__ = (Index(None, "team_id", "hour"),)

    integration_id: Mapped[str] = mapped_column(
        Id, ForeignKey("integrations.id", ondelete="CASCADE"), primary_key=True
    )
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    #: Its integration's team, for scoping.
    team_id: Mapped[str] = mapped_column(Id)
    calls: Mapped[int] = mapped_column(default=0, server_default="0")
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_0: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_1: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_2: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_3: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_4: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_5: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_6: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_7: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_8: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_9: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_10: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_11: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_12: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_13: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_14: Mapped[int] = mapped_column(default=0, server_default="0")
    bucket_15: Mapped[int] = mapped_column(default=0, server_default="0")
