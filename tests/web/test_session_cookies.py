"""Sessions on several machines."""

import time

import pytest
from flask import Flask

from app.lib import clock


def test_who_signed_in_on_a_machine_whose_clock_is_ahead_stays_signed_in_on_the_next(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    real_time, steady_s = time.time, clock.steady_s
    try:
        clock.follow(real_time(), at_steady_s=steady_s())
        monkeypatch.setattr(time, "time", lambda: real_time() + 120.0)
        cookie = serializer.dumps({"user": "alice"})
        monkeypatch.setattr(time, "time", real_time)
        assert serializer.loads(cookie, max_age=3600) == {"user": "alice"}
    finally:
        clock.unfollow()
