"""kept_answers is called idempotency_records

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import op

from app.db import types
from app.extensions import sealer
from app.lib.sealed import CannotOpen

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BATCH_ROWS = 500


def upgrade() -> None:
    _rename("kept_answers", "idempotency_records")


def downgrade() -> None:
    _rename("idempotency_records", "kept_answers")


def _rename(old: str, new: str) -> None:
    """Move the rows into a table of the new name: constraints are named after it, and SQLite renames none.

    The table holds the requests of a day, so copying it is cheap.
    """
    created = op.create_table(
        new,
        sa.Column("id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("committed_at", types.UtcDateTime(), nullable=True),
        sa.Column("object_id", sa.String(length=255), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body_sealed", sa.Text(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f(f"fk_{new}_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{new}")),
    )
    names = [column.name for column in created.columns]
    rows = sa.select(*(sa.column(name) for name in names)).select_from(sa.table(old))
    op.execute(sa.insert(created).from_select(names, rows))
    op.drop_table(old)
    op.create_index(op.f(f"ix_{new}_created_at"), new, ["created_at"])
    op.create_index(op.f(f"ix_{new}_team_id_{new}_key"), new, ["team_id", "key"], unique=True)
    _seal_again(created, old)


def _seal_again(table: sa.Table, old: str) -> None:
    """Seal every body for its new place: a sealed value opens only under the table name that it was sealed for."""
    connection = op.get_bind()
    last_id = ""
    while True:
        rows = connection.execute(
            sa.select(table.c.id, table.c.body_sealed)
            .where(table.c.id > last_id, table.c.body_sealed != "")
            .order_by(table.c.id)
            .limit(_BATCH_ROWS)
        ).all()
        if not rows:
            return
        last_id = rows[-1].id
        for row_id, value in rows:
            try:
                body = sealer().open(value, table=old, column="body", row_id=row_id)
            except CannotOpen:
                continue  # Its key is gone: it could not be read before either, and is deleted within a day.
            again = sealer().seal(body, table=table.name, column="body", row_id=row_id)
            connection.execute(sa.update(table).where(table.c.id == row_id).values(body_sealed=again))
