"""Replaces objects in the typed slots of an app; closes its connections."""

from typing import TypeVar

import pytest
from flask import Flask

from app.extensions import QUICK_REDIS, REDIS, AppSlot

T = TypeVar("T")


def put(patch: pytest.MonkeyPatch, app: Flask, slot: AppSlot[T], value: T | None) -> None:
    """Put `value` into the slot until `patch` is undone; None empties it."""
    patch.setitem(app.extensions, slot.key, value)
    if value is None:
        del app.extensions[slot.key]


def close_redis(app: Flask) -> None:
    """Close the connections to Redis of an app that is no longer used."""
    with app.app_context():
        REDIS.get().close()
        QUICK_REDIS.get().close()
