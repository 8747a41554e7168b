"""Migrations run up and down on both databases with data in every table, and end where the models are."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask

from app.config import AppEnv, load_settings
from app.db.migrations import upgrade
from app.extensions import db, sealer
from app.factory import create_app
from tests.conftest import POSTGRESQL, TestApps

pytestmark = pytest.mark.postgresql

FIRST = "0001"
MOMENT = datetime(2026, 3, 12, 8, 30, 4, tzinfo=UTC)
#: What rows from before have in the columns that came since.
NEW_VALUES: dict[str, dict[str, Any]] = {
    "api_keys": {
        "is_test": False,
        "previous_kid": None,
        "networks": [],
        "per_hour": 1000,
        "per_day": 10_000,
        "expires_at": None,
        "version": 1,
        "used_count": 0,
        "changed_at": MOMENT,
        "responsible_id": "users_1",
        "review_since": None,
    },
    "invitations": {"invited_by_key_id": None},
    "teams": {"tier": "free", "per_hour": None},
    "users": {"totp_enabled_at": None, "per_minute": None, "sign_in_link_version": 1, "is_operator": False},
}


@pytest.fixture
def empty_app(test_apps: TestApps, database_kind: str, redis_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Yield an app over a database of its own, without any table."""
    url = (
        test_apps.new_postgres_database(f"migrations_{secrets.token_hex(4)}")
        if database_kind == POSTGRESQL
        else f"sqlite:///{tmp_path / 'migrations.db'}"
    )
    app = create_app(
        load_settings(
            app_env=AppEnv.TEST,
            data_dir=tmp_path,
            database_url=url,
            redis_url=redis_url,
            secret_key=secrets.token_urlsafe(48),
            encryption_key=secrets.token_urlsafe(48),
        )
    )
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_rows_survive_the_way_up_and_down_and_up_again(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade_to(empty_app, FIRST)
        before = fill_every_table()
        assert all(before.values()), "a table without a row proves nothing"

        upgrade(empty_app, db)
        above = rows_of_every_table()
        assert {name: above[name] for name in before} == {
            name: [row | new_values(name, above[name][0], row) for row in rows]
            for name, rows in before.items()
        }
        for name, expected in NEW_VALUES.items():
            assert {column: above[name][0][column] for column in expected} == expected, name

        fill_every_table(besides=before.keys())
        flask_migrate.downgrade(revision=FIRST)
        assert rows_of_every_table() == before

        upgrade(empty_app, db)
        assert {name: len(rows) for name, rows in rows_of_every_table().items() if name in before} == {
            name: len(rows) for name, rows in before.items()
        }


def test_refused_addresses_of_before_look_like_names_that_do_not_resolve(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade_to(empty_app, "0002")
        fill_every_table()
        with db.engine.begin() as connection:
            found = {table.name: table for table in tables(connection)}
            attempts, deliveries = found["attempts"], found["deliveries"]
            connection.execute(sa.update(attempts).values(error_kind="address_refused"))
            connection.execute(sa.update(deliveries).values(last_error="address_refused"))

        upgrade(empty_app, db)

        rows = rows_of_every_table()
        assert [row["last_error"] for row in rows["deliveries"]] == ["dns_failed"]
        (attempt,) = rows["attempts"]
        assert attempt["error_kind"] == "dns_failed"
        assert {
            attempt[name] for name in ("remote_address", "dns_ms", "connect_ms", "tls_ms", "total_ms")
        } == {None}


def test_an_empty_database_goes_up_and_all_the_way_down(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade(empty_app, db)
        flask_migrate.downgrade(revision="base")

        assert rows_of_every_table() == {}

        upgrade(empty_app, db)


def test_recorded_answers_lose_their_secrets_and_stay_known_as_carried_out(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade_to(empty_app, "0002")
        fill_every_table()
        with db.engine.begin() as connection:
            connection.execute(sa.text("UPDATE kept_answers SET status = 201"))

        upgrade(empty_app, db)
        above = rows_of_every_table()["idempotency_records"][0]
        flask_migrate.downgrade(revision="0002")

        assert (above["status"], above["body_sealed"], above["committed_at"]) == (None, None, MOMENT)
        assert rows_of_every_table()["kept_answers"] == [], "below it would count as still running"


def test_recorded_answers_stay_readable_under_the_new_name_of_their_table(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade_to(empty_app, "0007")
        fill_every_table()
        sealed = sealer().seal(b"answer", table="kept_answers", column="body", row_id="kept_answers_1")
        with db.engine.begin() as connection:
            connection.execute(sa.text("UPDATE kept_answers SET body_sealed = :sealed"), {"sealed": sealed})

        upgrade(empty_app, db)
        above = rows_of_every_table()["idempotency_records"]
        flask_migrate.downgrade(revision="0007")
        (below,) = rows_of_every_table()["kept_answers"]

        assert [opened(row, "idempotency_records") for row in above] == [b"answer"]
        assert opened(below, "kept_answers") == b"answer"
        assert {**above[0], "body_sealed": None} == {**below, "body_sealed": None}, "nothing else changes"


def test_constraints_have_the_names_that_the_models_give_them(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade(empty_app, db)
        with db.engine.connect() as connection:
            migrated = {table.name: constraint_names(table) for table in tables(connection)}

    assert migrated == {table.name: constraint_names(table) for table in db.metadata.tables.values()}


def test_migrated_schema_is_that_of_the_models(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade(empty_app, db)
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            differences = compare_metadata(context, db.metadata)

    assert differences == []


def upgrade_to(app: Flask, revision: str) -> None:
    flask_migrate.Migrate(app, db, directory="migrations", render_as_batch=True)
    flask_migrate.upgrade(revision=revision)


def tables(connection: sa.Connection) -> list[sa.Table]:
    """Return the tables as the database has them now, those that others refer to first."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def fill_every_table(*, besides: Any = ()) -> dict[str, list[dict[str, Any]]]:
    """Add a row to every table that has none; return all rows by table."""
    with db.engine.begin() as connection:
        for table in tables(connection):
            if table.name not in besides:
                connection.execute(sa.insert(table).values(row_for(table)))
    return rows_of_every_table()


def row_for(table: sa.Table) -> dict[str, Any]:
    """Return a row with a value in every column; references lead to the row of the other table."""
    return {column.name: value_for(table, column) for column in table.columns}


def value_for(table: sa.Table, column: sa.Column[Any]) -> Any:
    for key in column.foreign_keys:
        return f"{key.column.table.name}_1"
    if column.name == "id":
        return f"{table.name}_1"
    kind = column.type
    if isinstance(kind, sa.DateTime):
        return MOMENT if kind.timezone else MOMENT.replace(tzinfo=None)
    if isinstance(kind, sa.JSON):
        return ["x"]
    if isinstance(kind, sa.Boolean):
        return True
    if isinstance(kind, sa.Float):
        return 1.5
    if isinstance(kind, sa.Integer):
        return 7
    return column.name[: getattr(kind, "length", None) or 40]


def rows_of_every_table() -> dict[str, list[dict[str, Any]]]:
    """Return all rows by table; times in UTC."""
    with db.engine.connect() as connection:
        return {
            table.name: [
                {name: comparable(value) for name, value in row.items()}
                for row in connection.execute(sa.select(table)).mappings()
            ]
            for table in tables(connection)
        }


def opened(row: dict[str, Any], table: str) -> bytes:
    """Return the body that a record of an answer holds, sealed for this table."""
    return sealer().open(row["body_sealed"], table=table, column="body", row_id=row["id"])


def constraint_names(table: sa.Table) -> set[str]:
    """Return the names of the primary key, the foreign keys and the indexes."""
    constraints = (table.primary_key, *table.foreign_key_constraints)
    return {str(named.name) for named in constraints} | {str(index.name) for index in table.indexes}


def comparable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def new_values(table: str, above: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that a row got since; what they hold is checked apart."""
    assert NEW_VALUES.keys() >= {table} or above.keys() == before.keys(), f"{table} has new columns"
    return {name: value for name, value in above.items() if name not in before}
