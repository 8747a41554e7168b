"""The Flask extensions, unbound: `create_app()` binds them."""

from typing import cast

from flask import Flask, current_app
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.config import Settings
from app.db.base import Base
from app.lib.sealed import Sealer

#: No request waits longer than twice this for what only Redis knows.
QUICK_TIMEOUT_S = 0.12

db = SQLAlchemy(metadata=Base.metadata)
login_manager = LoginManager()
csrf = CSRFProtect()
limiter = Limiter(get_remote_address, strategy="fixed-window", headers_enabled=False)


def current_settings() -> Settings:
    """Return the settings of the current app."""
    return cast(Settings, current_app.config["SETTINGS"])


def redis_client() -> Redis:
    """Return the current app's Redis client (bytes in, bytes out; one connection pool per process)."""
    return cast(Redis, current_app.extensions["signalbox.redis"])


def quick_redis() -> Redis:
    """Return the current app's Redis client for what every request asks: it answers at once or fails."""
    return cast(Redis, current_app.extensions["signalbox.quick_redis"])


def sealer() -> Sealer:
    """Return what seals and opens the secrets of the current app's tables."""
    return cast(Sealer, current_app.extensions["signalbox.sealer"])


def init_services(app: Flask, settings: Settings) -> None:
    """Give the app its Redis clients and its sealer. Connects to nothing yet."""
    app.extensions["signalbox.redis"] = Redis.from_url(
        settings.redis_url, socket_connect_timeout=1, socket_timeout=5, health_check_interval=30
    )
    # For what every request asks: better no answer than a late one, and no second try.
    app.extensions["signalbox.quick_redis"] = Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=QUICK_TIMEOUT_S,
        socket_timeout=QUICK_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    app.extensions["signalbox.sealer"] = Sealer(settings.encryption_key, settings.encryption_keys_previous)
