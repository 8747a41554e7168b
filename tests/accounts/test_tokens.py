"""Tokens on several machines, whose clocks differ."""

import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from app.accounts import tokens
from app.accounts.models import User
from app.lib import clock

AHEAD_S = 120.0
DEVICES = [["usr_1", "dev_1", "state"]]


@pytest.fixture
def user() -> User:
    return User(
        id="usr_1",
        email="alice@example.com",
        new_email="new@example.com",
        password_hash="",
        session_version=1,
        sign_in_link_version=1,
    )


@pytest.fixture
def following() -> Iterator[None]:
    """Let this process tell the time of another clock, as the processes of an installation on PostgreSQL do."""
    clock.follow(time.time(), at_steady_s=clock.steady_s())
    yield
    clock.unfollow()


@pytest.mark.parametrize(
    ("make", "read"),
    [
        (tokens.reset_token, tokens.read_reset_token),
        (tokens.email_token, tokens.read_email_token),
        (tokens.sign_in_token, tokens.read_sign_in_token),
        (
            lambda _user: tokens.device_token(DEVICES),
            lambda token: tokens.read_device_token(token, max_age_s=3600),
        ),
    ],
    ids=["reset", "email", "sign_in", "device"],
)
def test_token_of_a_machine_whose_clock_is_ahead_counts_on_the_next(
    app: Flask,
    user: User,
    following: None,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[User], str],
    read: Callable[[str], object],
) -> None:
    with app.app_context():
        with monkeypatch.context() as worker:
            real_time = time.time
            worker.setattr(time, "time", lambda: real_time() + AHEAD_S)
            token = make(user)

        assert read(token)
