"""keys audit security

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

from app.db import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", types.Id, nullable=True),
        sa.Column("actor_name", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.Column("object_id", types.Id, nullable=True),
        sa.Column("object_name", sa.String(length=255), nullable=True),
        sa.Column("changes", types.Json, nullable=True),
        sa.Column("detail", sa.String(length=500), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_audit_entries_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    with op.batch_alter_table("audit_entries") as batch_op:
        batch_op.create_index("ix_audit_entries_actor", ["team_id", "actor_id", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_audit_entries_team_id_audit_entries_id"), ["team_id", "id"], unique=False
        )
        batch_op.create_index("ix_audit_entries_object", ["team_id", "object_id", "id"], unique=False)

    op.create_table(
        "kept_answers",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body_sealed", sa.Text(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_kept_answers_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_answers")),
    )
    with op.batch_alter_table("kept_answers") as batch_op:
        batch_op.create_index(batch_op.f("ix_kept_answers_created_at"), ["created_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_kept_answers_team_id_kept_answers_key"), ["team_id", "key"], unique=True
        )

    op.create_table(
        "logged_requests",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("api_key_id", types.Id, nullable=True),
        sa.Column("api_key_name", sa.String(length=100), nullable=True),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("path", sa.String(length=2048), nullable=False),
        sa.Column("route", sa.String(length=200), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=32), nullable=True),
        sa.Column("error_detail", sa.String(length=500), nullable=True),
        sa.Column("duration_ms", sa.Float(), nullable=False),
        sa.Column("request_bytes", sa.Integer(), nullable=False),
        sa.Column("response_bytes", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("user_agent", sa.String(length=300), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("request_headers", sa.Text(), nullable=True),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("response_body", sa.Text(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_logged_requests_team_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logged_requests")),
    )
    with op.batch_alter_table("logged_requests") as batch_op:
        batch_op.create_index("ix_logged_requests_key", ["team_id", "api_key_id", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_logged_requests_team_id_logged_requests_id"), ["team_id", "id"], unique=False
        )
        # Last: of two indexes that cost the same by its estimate, SQLite takes the one that was made later.
        batch_op.create_index(
            "ix_logged_requests_failed",
            ["team_id", "id"],
            unique=False,
            sqlite_where=sa.text("status >= 400"),
            postgresql_where=sa.text("status >= 400"),
        )

    op.create_table(
        "openid_accounts",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("user_id", types.Id, nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_openid_accounts_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_openid_accounts")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_openid_accounts_issuer_subject")),
    )
    with op.batch_alter_table("openid_accounts") as batch_op:
        batch_op.create_index(batch_op.f("ix_openid_accounts_user_id"), ["user_id"], unique=False)

    op.create_table(
        "recovery_codes",
        sa.Column("user_id", types.Id, nullable=False),
        sa.Column("code_digest", sa.String(length=64), nullable=False),
        sa.Column("used_at", types.UtcDateTime(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "code_digest", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "user_sessions",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("user_id", types.Id, nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("user_agent", sa.String(length=300), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", types.UtcDateTime(), nullable=False),
        sa.Column("ended_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
    )
    with op.batch_alter_table("user_sessions") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_user_sessions_user_id_user_sessions_id"), ["user_id", "id"], unique=False
        )

    op.create_table(
        "api_key_callers",
        sa.Column("kid", sa.String(length=12), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("api_key_id", types.Id, nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=300), nullable=False),
        sa.Column("used_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_seen_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_keys.id"], name=op.f("fk_api_key_callers_api_key_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("kid", "fingerprint", name=op.f("pk_api_key_callers")),
    )
    with op.batch_alter_table("api_key_callers") as batch_op:
        batch_op.create_index(batch_op.f("ix_api_key_callers_api_key_id"), ["api_key_id"], unique=False)

    op.create_table(
        "api_key_hours",
        sa.Column("api_key_id", types.Id, nullable=False),
        sa.Column("hour", types.UtcDateTime(), nullable=False),
        sa.Column("team_id", types.Id, nullable=False),
        sa.Column("used", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_keys.id"], name=op.f("fk_api_key_hours_api_key_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("api_key_id", "hour", name=op.f("pk_api_key_hours")),
    )
    with op.batch_alter_table("api_key_hours") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_api_key_hours_team_id_api_key_hours_hour"), ["team_id", "hour"], unique=False
        )

    with op.batch_alter_table("api_keys") as batch_op:
        batch_op.add_column(sa.Column("is_test", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("previous_kid", sa.String(length=12), nullable=True))
        batch_op.add_column(sa.Column("previous_key_hash", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("previous_ends_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("networks", types.Json, server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("per_hour", sa.Integer(), server_default="1000", nullable=False))
        batch_op.add_column(sa.Column("per_day", sa.Integer(), server_default="10000", nullable=False))
        batch_op.add_column(sa.Column("expires_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("expiry_told_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("used_count", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("last_used_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("last_address", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("changed_at", types.UtcDateTime(), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_api_keys_previous_kid"), ["previous_kid"])

    op.execute("UPDATE api_keys SET changed_at = COALESCE(revoked_at, created_at)")
    with op.batch_alter_table("api_keys") as batch_op:
        batch_op.alter_column("changed_at", existing_type=types.UtcDateTime(), nullable=False)

    with op.batch_alter_table("teams") as batch_op:
        batch_op.add_column(sa.Column("tier", sa.String(length=16), server_default="free", nullable=False))
        batch_op.add_column(sa.Column("per_hour", sa.Integer(), nullable=True))

    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(sa.Column("new_email", sa.String(length=254), nullable=True))
        batch_op.add_column(sa.Column("totp_secret_sealed", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("totp_enabled_at", types.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("totp_last_step", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("per_minute", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("users") as batch_op:
        batch_op.drop_column("per_minute")
        batch_op.drop_column("totp_last_step")
        batch_op.drop_column("totp_enabled_at")
        batch_op.drop_column("totp_secret_sealed")
        batch_op.drop_column("new_email")

    with op.batch_alter_table("teams") as batch_op:
        batch_op.drop_column("per_hour")
        batch_op.drop_column("tier")

    with op.batch_alter_table("api_keys") as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_api_keys_previous_kid"), type_="unique")
        batch_op.drop_column("changed_at")
        batch_op.drop_column("last_address")
        batch_op.drop_column("last_used_at")
        batch_op.drop_column("used_count")
        batch_op.drop_column("version")
        batch_op.drop_column("expiry_told_at")
        batch_op.drop_column("expires_at")
        batch_op.drop_column("per_day")
        batch_op.drop_column("per_hour")
        batch_op.drop_column("networks")
        batch_op.drop_column("previous_ends_at")
        batch_op.drop_column("previous_key_hash")
        batch_op.drop_column("previous_kid")
        batch_op.drop_column("is_test")

    with op.batch_alter_table("api_key_hours") as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_key_hours_team_id_api_key_hours_hour"))

    op.drop_table("api_key_hours")
    with op.batch_alter_table("api_key_callers") as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_key_callers_api_key_id"))

    op.drop_table("api_key_callers")
    with op.batch_alter_table("user_sessions") as batch_op:
        batch_op.drop_index(batch_op.f("ix_user_sessions_user_id_user_sessions_id"))

    op.drop_table("user_sessions")
    op.drop_table("recovery_codes")
    with op.batch_alter_table("openid_accounts") as batch_op:
        batch_op.drop_index(batch_op.f("ix_openid_accounts_user_id"))

    op.drop_table("openid_accounts")
    with op.batch_alter_table("logged_requests") as batch_op:
        batch_op.drop_index(batch_op.f("ix_logged_requests_team_id_logged_requests_id"))
        batch_op.drop_index("ix_logged_requests_key")
        batch_op.drop_index(
            "ix_logged_requests_failed",
            sqlite_where=sa.text("status >= 400"),
            postgresql_where=sa.text("status >= 400"),
        )

    op.drop_table("logged_requests")
    with op.batch_alter_table("kept_answers") as batch_op:
        batch_op.drop_index(batch_op.f("ix_kept_answers_team_id_kept_answers_key"))
        batch_op.drop_index(batch_op.f("ix_kept_answers_created_at"))

    op.drop_table("kept_answers")
    with op.batch_alter_table("audit_entries") as batch_op:
        batch_op.drop_index("ix_audit_entries_object")
        batch_op.drop_index(batch_op.f("ix_audit_entries_team_id_audit_entries_id"))
        batch_op.drop_index("ix_audit_entries_actor")

    op.drop_table("audit_entries")
