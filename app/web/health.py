"""Whether this process is alive, and whether it can do its work."""

from flask import Blueprint, Response, jsonify
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db, redis_client
from app.web.access import probe

health = Blueprint("health", __name__)


@health.get("/healthz")
@probe
def alive() -> Response:
    """Return 200 as long as the process answers."""
    return jsonify(status="ok")


@health.get("/readyz")
@probe
def ready() -> tuple[Response, int]:
    """Return 200 when database and Redis answer, else 503; the body says which does not."""
    checks = {"database": _database_answers(), "redis": _redis_answers()}
    is_ready = all(checks.values())
    words = {name: "ok" if works else "unreachable" for name, works in checks.items()}
    return jsonify(status="ok" if is_ready else "unavailable", checks=words), 200 if is_ready else 503


def _database_answers() -> bool:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _redis_answers() -> bool:
    try:
        return bool(redis_client().ping())
    except RedisError:
        return False
