"""one kind of error for hosts without a usable address

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_DETAIL = "The host did not resolve in time to an address that Signalbox connects to."


def upgrade() -> None:
    # What stands in the events that told of such failures stays: they are signed, and have been sent.
    deliveries = sa.table("deliveries", sa.column("last_error"))
    attempts = sa.table(
        "attempts",
        *(sa.column(name) for name in ("error_kind", "error_detail", "remote_address")),
        *(sa.column(name) for name in ("dns_ms", "connect_ms", "tls_ms", "total_ms")),
    )
    op.execute(
        sa.update(deliveries)
        .where(deliveries.c.last_error == "address_refused")
        .values(last_error="dns_failed")
    )
    op.execute(
        sa.update(attempts)
        .where(attempts.c.error_kind.in_(["address_refused", "dns_failed"]))
        .values(
            error_kind="dns_failed",
            error_detail=_DETAIL,
            remote_address=None,
            dns_ms=None,
            connect_ms=None,
            tls_ms=None,
            total_ms=None,
        )
    )


def downgrade() -> None:
    # Which of them were refused addresses is not known any more; the kind is one of before.
    pass
