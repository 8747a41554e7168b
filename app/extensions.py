"""The Flask extensions, unbound: `create_app()` binds them; and typed places for what else belongs to an app."""

from collections.abc import Callable
from typing import Generic, TypeVar, cast

from flask import Flask, current_app
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.config import Settings
from app.db.base import Base
from app.lib.outbound import AllowedNetworks, Client
from app.lib.sealed import Sealer

T = TypeVar("T")


class AppSlot(Generic[T]):
    """A typed place for one object of each app, as Flask's `app.extensions` is an untyped one.

    The module that owns the object owns the slot. With `make`, the object is made when it is first asked for; of two
    threads that ask at the same time, one makes it and both get it.
    """

    def __init__(self, name: str, make: Callable[[], T] | None = None) -> None:
        #: Where it is in `app.extensions`.
        self.key = f"signalbox.{name}"
        self._make = make

    def put(self, app: Flask, value: T) -> None:
        """Store the app's object, in place of an earlier one."""
        app.extensions[self.key] = value

    def find(self) -> T | None:
        """Return the current app's object; None where there is none."""
        return cast(T | None, current_app.extensions.get(self.key))

    def get(self) -> T:
        """Return the current app's object. Raises KeyError where there is none and no way to make one."""
        found = current_app.extensions.get(self.key)
        if found is None:
            if self._make is None:
                raise KeyError(self.key)
            found = current_app.extensions.setdefault(self.key, self._make())
        return cast(T, found)

    def take(self) -> T | None:
        """Remove the current app's object and return it; None where there is none."""
        return cast(T | None, current_app.extensions.pop(self.key, None))


#: No request waits longer than twice this for what only Redis knows.
QUICK_TIMEOUT_S = 0.12

db = SQLAlchemy(metadata=Base.metadata)
login_manager = LoginManager()
csrf = CSRFProtect()


def current_settings() -> Settings:
    """Return the settings of the current app."""
    return cast(Settings, current_app.config["SETTINGS"])


REDIS = AppSlot[Redis]("redis")
QUICK_REDIS = AppSlot[Redis]("quick_redis")
SEALER = AppSlot[Sealer]("sealer")


def redis_client() -> Redis:
    """Return the current app's Redis client (bytes in, bytes out; one connection pool per process)."""
    return REDIS.get()


def quick_redis() -> Redis:
    """Return the current app's Redis client for what every request asks: it answers at once or fails."""
    return QUICK_REDIS.get()


def sealer() -> Sealer:
    """Return what seals and opens the secrets of the current app's tables."""
    return SEALER.get()


def outbound_client() -> Client:
    """Return the current app's client for requests to other services, which keeps connections between calls."""
    return OUTBOUND_CLIENT.get()


def _new_outbound_client() -> Client:
    settings = current_settings()
    return Client(
        AllowedNetworks.parse(settings.outbound_allowed_networks), ca_file=settings.outbound_ca_bundle or None
    )


OUTBOUND_CLIENT = AppSlot("outbound_client", _new_outbound_client)


def init_services(app: Flask, settings: Settings) -> None:
    """Give the app its Redis clients and its sealer. Connects to nothing yet."""
    REDIS.put(
        app,
        Redis.from_url(
            settings.redis_url, socket_connect_timeout=1, socket_timeout=5, health_check_interval=30
        ),
    )
    # Asked by every request: it fails rather than delays, and is not tried again.
    QUICK_REDIS.put(
        app,
        Redis.from_url(
            settings.redis_url,
            socket_connect_timeout=QUICK_TIMEOUT_S,
            socket_timeout=QUICK_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        ),
    )
    SEALER.put(app, Sealer(settings.encryption_key, settings.encryption_keys_previous))
