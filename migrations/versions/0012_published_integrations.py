"""what published integrations offer

Revision: 0012
Follows: 0011
"""

import sqlalchemy as sa
from alembic import op

from app.db import types

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("integrations") as table:
        table.add_column(sa.Column("offer", types.Json, nullable=True))
        table.add_column(sa.Column("published_at", types.UtcDateTime(), nullable=True))
    # Nothing could be published before; an offer without content could not be shown.
    op.execute("UPDATE integrations SET is_public = false WHERE is_public")


def downgrade() -> None:
    with op.batch_alter_table("integrations") as table:
        table.drop_column("published_at")
        table.drop_column("offer")
