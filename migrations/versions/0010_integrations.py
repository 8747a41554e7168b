"""integrations, their connections, provider apps, call counts

Revision: 0010
Follows: 0009
"""

import sqlalchemy as sa
from alembic import op

from app.db import types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "integrations",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=500), server_default="", nullable=False),
        sa.Column("logo", sa.String(length=40), nullable=True),
        sa.Column("auth_method", sa.String(length=40), nullable=False),
        sa.Column("config", types.Json, nullable=False),
        sa.Column("credentials_sealed", sa.Text(), nullable=True),
        sa.Column("scopes", types.Json, nullable=False),
        sa.Column("hourly_limit", sa.Integer(), nullable=True),
        sa.Column("daily_limit", sa.Integer(), nullable=True),
        sa.Column("is_public", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("source_id", types.Id, nullable=True),
        sa.Column("metadata", types.Json, nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("checked_at", types.UtcDateTime(), nullable=True),
        sa.Column("error_kind", sa.String(length=40), nullable=True),
        sa.Column("error_detail", sa.String(length=500), nullable=True),
        sa.Column("failing_since", types.UtcDateTime(), nullable=True),
        sa.Column("created_by_id", types.Id, nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_integrations_team_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["integrations.id"], name=op.f("fk_integrations_source_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["users.id"], name=op.f("fk_integrations_created_by_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integrations")),
    )
    op.create_index(op.f("ix_integrations_team_id_integrations_id"), "integrations", ["team_id", "id"])
    op.create_index(op.f("ix_integrations_source_id"), "integrations", ["source_id"])
    op.create_index(
        "ix_integrations_public",
        "integrations",
        ["id"],
        sqlite_where=sa.text("is_public"),
        postgresql_where=sa.text("is_public"),
    )
    op.create_table(
        "connections",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("integration_id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason_code", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("state_changed_at", types.UtcDateTime(), nullable=False),
        sa.Column("tokens_sealed", sa.Text(), nullable=False),
        sa.Column("token_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("details", types.Json, nullable=False),
        sa.Column("account", sa.String(length=200), nullable=True),
        sa.Column("granted_scope", sa.String(length=2000), nullable=True),
        sa.Column("expires_at", types.UtcDateTime(), nullable=True),
        sa.Column("grant_expires_at", types.UtcDateTime(), nullable=True),
        sa.Column("refreshed_at", types.UtcDateTime(), nullable=False),
        sa.Column("refresh_failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_refresh_error", sa.String(length=500), nullable=True),
        sa.Column("connected_by_id", types.Id, nullable=True),
        sa.Column("connected_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integrations.id"],
            name=op.f("fk_connections_integration_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["connected_by_id"],
            ["users.id"],
            name=op.f("fk_connections_connected_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
        sa.UniqueConstraint("integration_id", name=op.f("uq_connections_integration_id")),
    )
    op.create_index(op.f("ix_connections_due_at"), "connections", ["due_at"])
    op.create_index(op.f("ix_connections_team_id_connections_id"), "connections", ["team_id", "id"])
    op.create_table(
        "provider_apps",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=True),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=500), nullable=False),
        sa.Column("client_secret_sealed", sa.Text(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_provider_apps_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_apps")),
    )
    op.create_index("uq_provider_apps_team", "provider_apps", ["team_id", "provider"], unique=True)
    op.create_index(
        "uq_provider_apps_installation",
        "provider_apps",
        ["provider"],
        unique=True,
        sqlite_where=sa.text("team_id IS NULL"),
        postgresql_where=sa.text("team_id IS NULL"),
    )
    op.create_table(
        "call_counts",
        sa.Column("integration_id", types.Id, nullable=False),
        sa.Column("hour", types.UtcDateTime(), nullable=False),
        sa.Column("bucket", sa.SmallInteger(), nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("calls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total_ms", sa.Float(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integrations.id"],
            name=op.f("fk_call_counts_integration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("integration_id", "hour", "bucket", name=op.f("pk_call_counts")),
    )
    op.create_index(op.f("ix_call_counts_team_id_call_counts_hour"), "call_counts", ["team_id", "hour"])


def downgrade() -> None:
    for table in ("call_counts", "provider_apps", "connections", "integrations"):
        op.drop_table(table)
