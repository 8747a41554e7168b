"""outbox of mails

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

from app.db import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outgoing_mails",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("args", types.Json, nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=300), nullable=True),
        sa.Column("failed_at", types.UtcDateTime(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_mails")),
    )
    op.create_index(op.f("ix_outgoing_mails_due_at"), "outgoing_mails", ["due_at"])
    op.create_index(op.f("ix_outgoing_mails_failed_at"), "outgoing_mails", ["failed_at"])


def downgrade() -> None:
    op.drop_table("outgoing_mails")
