"""Which commits wait for the disk on SQLite."""

from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from app.db.session import not_waiting_for_disk, prepare_engine

FULL, NORMAL = 2, 1


def level(engine: Engine) -> int:
    """Return how the next transaction is committed."""
    with engine.begin() as connection:
        return int(connection.execute(text("PRAGMA synchronous")).scalar_one())


def test_only_commits_within_the_block_do_not_wait_for_the_disk(tmp_path: Path) -> None:
    # One connection, which each transaction uses again.
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}", pool_size=1, max_overflow=0)
    prepare_engine(engine)

    assert level(engine) == FULL
    with not_waiting_for_disk():
        assert [level(engine), level(engine)] == [NORMAL, NORMAL]
    assert level(engine) == FULL
    engine.dispose()
