"""API keys in every state, written directly, past the validation of forms and services."""

from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import update

from app.api_keys.models import ApiKey
from app.api_keys.services import create_key
from app.extensions import db
from app.lib import clock
from app.web.permissions import FULL

#: Enough for any test.
PER_WINDOW = 10_000_000


def new_key(app: Flask, team_id: str, *scopes: str, **columns: Any) -> str:
    """Return the token of a new key with these scopes (none given: all), then set these columns of its row."""
    with app.app_context():
        created = create_key(
            team_id,
            "of a test",
            scopes=list(scopes or (FULL,)),
            granted_by=frozenset({FULL}),
            is_test=columns.pop("is_test", False),
            per_hour=PER_WINDOW,
            per_day=PER_WINDOW,
        )
        if columns:
            db.session.execute(update(ApiKey).where(ApiKey.id == created.id).values(**columns))
            db.session.commit()
        db.session.remove()
    return created.token


def revoked_key(app: Flask, team_id: str) -> str:
    """Return a key that may do everything and was revoked."""
    return new_key(app, team_id, revoked_at=clock.now())


def expired_key(app: Flask, team_id: str) -> str:
    """Return a key that may do everything and has expired."""
    return new_key(app, team_id, expires_at=clock.now() - timedelta(seconds=1))


def key_of_another_network(app: Flask, team_id: str) -> str:
    """Return a key that may do everything, from a network where the tests are not."""
    return new_key(app, team_id, networks=["203.0.113.0/24"])
