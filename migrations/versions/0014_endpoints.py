"""endpoints of integrations

Revision: 0014
Follows: 0013
"""

import sqlalchemy as sa
from alembic import op

from app.db import types

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "endpoints",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("integration_id", types.Id, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=500), server_default="", nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("path", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("query", types.Json, nullable=False),
        sa.Column("headers", types.Json, nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("parameters", types.Json, nullable=False),
        sa.Column("pagination", types.Json, nullable=False),
        sa.Column("idempotency_header", sa.String(length=100), server_default="", nullable=False),
        sa.Column("created_by_id", types.Id, nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_endpoints_team_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integrations.id"],
            name=op.f("fk_endpoints_integration_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["users.id"], name=op.f("fk_endpoints_created_by_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoints")),
    )
    op.create_index(op.f("ix_endpoints_team_id_endpoints_id"), "endpoints", ["team_id", "id"])
    op.create_index(op.f("ix_endpoints_integration_id_endpoints_id"), "endpoints", ["integration_id", "id"])


def downgrade() -> None:
    op.drop_table("endpoints")
