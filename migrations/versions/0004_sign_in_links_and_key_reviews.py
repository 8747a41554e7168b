"""sign-in links and key reviews

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op

from app.db import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(
            sa.Column("sign_in_link_version", sa.Integer(), server_default="1", nullable=False)
        )

    with op.batch_alter_table("invitations") as batch_op:
        batch_op.add_column(sa.Column("invited_by_key_id", types.Id, nullable=True))

    with op.batch_alter_table("api_keys") as batch_op:
        batch_op.add_column(sa.Column("responsible_id", types.Id, nullable=True))
        batch_op.add_column(sa.Column("review_since", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("review_reason", sa.String(length=200), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_api_keys_team_id_api_keys_responsible_id"),
            ["team_id", "responsible_id"],
            unique=False,
        )

    op.execute("UPDATE api_keys SET responsible_id = created_by_id")


def downgrade() -> None:
    with op.batch_alter_table("api_keys") as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_keys_team_id_api_keys_responsible_id"))
        batch_op.drop_column("review_reason")
        batch_op.drop_column("review_since")
        batch_op.drop_column("responsible_id")

    with op.batch_alter_table("invitations") as batch_op:
        batch_op.drop_column("invited_by_key_id")

    with op.batch_alter_table("users") as batch_op:
        batch_op.drop_column("sign_in_link_version")
