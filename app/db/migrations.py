"""The schema's migrations, in `migrations/`. Imported late: Alembic is a tenth of a process's memory."""

from click import get_current_context
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from app.config import PROJECT_DIR


def init_migrations(app: Flask, db: SQLAlchemy) -> None:
    """Make `flask db …` work on the app, if this process is a command; web server and worker never migrate."""
    if get_current_context(silent=True) is not None:
        _bind(app, db)


def upgrade(app: Flask, db: SQLAlchemy) -> None:
    """Bring the database of the app up to date."""
    import flask_migrate

    _bind(app, db)
    with app.app_context():
        flask_migrate.upgrade()


def _bind(app: Flask, db: SQLAlchemy) -> None:
    import flask_migrate

    flask_migrate.Migrate(app, db, directory=str(PROJECT_DIR / "migrations"), render_as_batch=True)
