"""expiry_told_at of keys is called expiry_notified_at

Revision: 0009
Follows: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


# Not batch_alter_table: it would copy the table on SQLite, and both databases rename a column in place.
def upgrade() -> None:
    op.execute("ALTER TABLE api_keys RENAME COLUMN expiry_told_at TO expiry_notified_at")


def downgrade() -> None:
    op.execute("ALTER TABLE api_keys RENAME COLUMN expiry_notified_at TO expiry_told_at")
