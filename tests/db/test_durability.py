"""Which commits wait for the disk on SQLite."""

import pytest
from flask import Flask
from sqlalchemy import text

from app.db.session import not_waiting_for_disk
from app.extensions import db

FULL, NORMAL = 2, 1


def test_only_commits_within_the_block_do_not_wait_for_the_disk(app: Flask, database_kind: str) -> None:
    if database_kind != "sqlite":
        pytest.skip("PostgreSQL has a setting of each transaction for this")

    def level() -> int:
        with db.engine.begin() as connection:
            return int(connection.execute(text("PRAGMA synchronous")).scalar_one())

    with app.app_context():
        assert level() == FULL
        with not_waiting_for_disk():
            assert level() == NORMAL
        assert level() == FULL
