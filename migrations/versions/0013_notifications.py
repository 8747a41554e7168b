"""notifications, and their messages that are to be posted

Revision: 0013
Follows: 0012
"""

import sqlalchemy as sa
from alembic import op

from app.db import types

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("integration_id", types.Id, nullable=False),
        sa.Column("event_types", types.Json, nullable=False),
        sa.Column("channel", sa.String(length=100), server_default="", nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("last_posted_at", types.UtcDateTime(), nullable=True),
        sa.Column("last_failed_at", types.UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.Column("created_by_id", types.Id, nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["users.id"], name=op.f("fk_notifications_created_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integrations.id"],
            name=op.f("fk_notifications_integration_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_notifications_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index(op.f("ix_notifications_integration_id"), "notifications", ["integration_id"])
    op.create_index(op.f("ix_notifications_team_id_notifications_id"), "notifications", ["team_id", "id"])
    op.create_table(
        "pending_notifications",
        sa.Column("notification_id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("event_id", types.Id, nullable=False),
        sa.Column("attempt_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("id", types.Id, nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
            name=op.f("fk_pending_notifications_notification_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_notifications")),
    )
    op.create_index(op.f("ix_pending_notifications_due_at"), "pending_notifications", ["due_at"])
    op.create_index(
        op.f("ix_pending_notifications_notification_id"), "pending_notifications", ["notification_id"]
    )


def downgrade() -> None:
    op.drop_table("pending_notifications")
    op.drop_table("notifications")
