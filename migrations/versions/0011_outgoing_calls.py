"""the request log holds calls to other services

Revision: 0011
Follows: 0010
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.db import types

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_FAILED = "ix_logged_requests_failed"
_FAILED_BEFORE, _FAILED_NOW = sa.text("status >= 400"), sa.text("status IS NULL OR status >= 400")
_OUTGOING = sa.text("integration_id IS NOT NULL")


_BUCKETS = [f"bucket_{number}" for number in range(16)]


def upgrade() -> None:
    _replace_counts(
        sa.Column("hour", types.UtcDateTime(), nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        *_counters("calls", "failures", *_BUCKETS),
        key=("integration_id", "hour"),
    )
    _drop_failed(_FAILED_BEFORE)
    with op.batch_alter_table("logged_requests") as batch_op:
        batch_op.add_column(sa.Column("direction", sa.String(length=3), server_default="in", nullable=False))
        batch_op.add_column(sa.Column("integration_id", types.Id, nullable=True))
        batch_op.add_column(sa.Column("integration_name", sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column("purpose", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("source_id", types.Id, nullable=True))
        batch_op.add_column(sa.Column("scheme", sa.String(length=5), nullable=True))
        batch_op.add_column(sa.Column("host", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("tries", sa.SmallInteger(), server_default="1", nullable=False))
        for phase in ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms"):
            batch_op.add_column(sa.Column(phase, sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("response_headers", sa.Text(), nullable=True))
        batch_op.alter_column("status", existing_type=sa.Integer(), nullable=True)
    op.create_index("ix_logged_requests_direction", "logged_requests", ["team_id", "direction", "id"])
    op.create_index(
        "ix_logged_requests_integration",
        "logged_requests",
        ["team_id", "integration_id", "id"],
        sqlite_where=_OUTGOING,
        postgresql_where=_OUTGOING,
    )
    _create_failed(_FAILED_NOW)


def downgrade() -> None:
    _replace_counts(
        sa.Column("hour", types.UtcDateTime(), nullable=False),
        sa.Column("bucket", sa.SmallInteger(), nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        *_counters("calls", "failures"),
        sa.Column("total_ms", sa.Float(), server_default="0", nullable=False),
        key=("integration_id", "hour", "bucket"),
    )
    # What the version before cannot describe goes: it knows only calls of the API.
    op.execute("DELETE FROM logged_requests WHERE direction <> 'in' OR status IS NULL")
    op.drop_index("ix_logged_requests_integration", "logged_requests")
    op.drop_index("ix_logged_requests_direction", "logged_requests")
    _drop_failed(_FAILED_NOW)
    with op.batch_alter_table("logged_requests") as batch_op:
        batch_op.alter_column("status", existing_type=sa.Integer(), nullable=False)
        for name in (
            "response_headers", "first_byte_ms", "tls_ms", "connect_ms", "dns_ms", "tries", "host", "scheme",
            "source_id", "purpose", "integration_name", "integration_id", "direction",
        ):  # fmt: skip
            batch_op.drop_column(name)
    _create_failed(_FAILED_BEFORE)


def _replace_counts(*columns: "sa.Column[Any]", key: tuple[str, ...]) -> None:
    """Replace the table of counts, which nothing has written to before this revision."""
    op.drop_table("call_counts")
    op.create_table(
        "call_counts",
        sa.Column("integration_id", types.Id, nullable=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integrations.id"],
            name=op.f("fk_call_counts_integration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_call_counts")),
    )
    op.create_index(op.f("ix_call_counts_team_id_call_counts_hour"), "call_counts", ["team_id", "hour"])


def _counters(*names: str) -> "list[sa.Column[int]]":
    return [sa.Column(name, sa.Integer(), server_default="0", nullable=False) for name in names]


def _create_failed(where: "sa.TextClause") -> None:
    op.create_index(_FAILED, "logged_requests", ["team_id", "id"], sqlite_where=where, postgresql_where=where)


def _drop_failed(where: "sa.TextClause") -> None:
    op.drop_index(_FAILED, "logged_requests", sqlite_where=where, postgresql_where=where)
