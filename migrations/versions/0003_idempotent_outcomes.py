"""idempotent outcomes

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

from app.db import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("kept_answers") as batch_op:
        batch_op.add_column(sa.Column("committed_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("object_id", sa.String(length=255), nullable=True))
    # Answers from before hold secrets in full. Their requests stay known as carried out, so none is run again.
    op.execute(
        "UPDATE kept_answers SET committed_at = created_at, status = NULL, body_sealed = NULL WHERE status < 300"
    )


def downgrade() -> None:
    # What is known of these requests has no place below; left there they would count as still running.
    op.execute("DELETE FROM kept_answers WHERE status IS NULL")
    with op.batch_alter_table("kept_answers") as batch_op:
        batch_op.drop_column("object_id")
        batch_op.drop_column("committed_at")
