"""Other objects in the typed places of an app, for a while; and an end to its connections."""

from typing import TypeVar

import pytest
from flask import Flask

from app.extensions import QUICK_REDIS, REDIS, AppSlot

T = TypeVar("T")


def put(patch: pytest.MonkeyPatch, app: Flask, slot: AppSlot[T], value: T | None) -> None:
    """Put `value` into the slot until `patch` is undone; None: as if nothing had been there."""
    patch.setitem(app.extensions, slot.key, value)
    if value is None:
        del app.extensions[slot.key]


def close_redis(app: Flask) -> None:
    """Close the connections to Redis of an app that is used no more."""
    with app.app_context():
        REDIS.get().close()
        QUICK_REDIS.get().close()
