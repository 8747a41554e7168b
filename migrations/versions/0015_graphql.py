"""GraphQL: versions of schemas, saved operations

Revision: 0015
Follows: 0014
"""

import sqlalchemy as sa
from alembic import op

from app.db import types

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "graphql_schema_versions",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("integration_id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("base_number", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("sdl", sa.Text(), nullable=False),
        sa.Column("sdl_hash", sa.String(length=64), nullable=False),
        sa.Column("types", sa.Integer(), nullable=False),
        sa.Column("queries", sa.Integer(), nullable=False),
        sa.Column("mutations", sa.Integer(), nullable=False),
        sa.Column("breaking", sa.Integer(), nullable=False),
        sa.Column("dangerous", sa.Integer(), nullable=False),
        sa.Column("safe", sa.Integer(), nullable=False),
        sa.Column("changes", types.Json, nullable=False),
        sa.Column("broken", types.Json, nullable=False),
        sa.Column("operation_count", sa.Integer(), nullable=False),
        sa.Column("created_by_id", types.Id, nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integrations.id"],
            name=op.f("fk_graphql_schema_versions_integration_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["users.id"],
            name=op.f("fk_graphql_schema_versions_created_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_graphql_schema_versions")),
        sa.UniqueConstraint(
            "integration_id", "number", name=op.f("uq_graphql_schema_versions_integration_id_number")
        ),
    )
    op.create_index(
        "uq_graphql_schema_versions_proposal",
        "graphql_schema_versions",
        ["integration_id"],
        unique=True,
        sqlite_where=sa.text("number IS NULL"),
        postgresql_where=sa.text("number IS NULL"),
    )
    op.create_table(
        "graphql_operations",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("integration_id", types.Id, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=500), server_default="", nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("variables", types.Json, nullable=False),
        sa.Column("problems", types.Json, nullable=False),
        sa.Column("created_by_id", types.Id, nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_graphql_operations_team_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integrations.id"],
            name=op.f("fk_graphql_operations_integration_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["users.id"],
            name=op.f("fk_graphql_operations_created_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_graphql_operations")),
        sa.UniqueConstraint("integration_id", "name", name=op.f("uq_graphql_operations_integration_id_name")),
    )
    op.create_index(
        op.f("ix_graphql_operations_team_id_graphql_operations_id"), "graphql_operations", ["team_id", "id"]
    )


def downgrade() -> None:
    op.drop_table("graphql_operations")
    op.drop_table("graphql_schema_versions")
