"""Pending authorizations: by whom and how often they can be used."""

import pytest
from flask import Flask, session
from redis import Redis

from app.extensions import REDIS
from app.lib.errors import Unavailable
from app.oauth import states
from app.oauth.contract import Authorization
from tests import slots

STATE = "state-of-this-test"
BEGUN = Authorization("https://provider.example/authorize", STATE, "verifier", "nonce")


def begin(app: Flask, provider: str = "github") -> dict[str, str]:
    """Begin an authorization; return the session of the browser that did."""
    with app.test_request_context():
        states.keep(
            BEGUN,
            provider=provider,
            purpose="connect",
            user_id="usr_1",
            team_id="team_1",
            details={"next": "/x"},
        )
        return dict(session)


def take(app: Flask, browser: dict[str, str], provider: str = "github") -> states.PendingAuthorization | None:
    with app.test_request_context():
        session.update(browser)
        return states.take(STATE, provider=provider)


def test_what_was_begun_comes_back_once(app: Flask) -> None:
    browser = begin(app)

    pending = take(app, browser)

    assert pending is not None
    assert (pending.provider, pending.purpose) == ("github", "connect")
    assert (pending.user_id, pending.team_id, pending.details) == ("usr_1", "team_1", {"next": "/x"})
    assert (pending.verifier, pending.nonce) == ("verifier", "nonce")
    assert "verifier'" not in repr(pending)
    assert take(app, browser) is None


@pytest.mark.parametrize("browser", [{}, {"oauth_browser": "another"}], ids=["no browser", "another browser"])
def test_another_browser_gets_nothing_and_uses_it_up(app: Flask, browser: dict[str, str]) -> None:
    own = begin(app)

    assert take(app, browser) is None
    assert take(app, own) is None


def test_callback_of_another_provider_gets_nothing(app: Flask) -> None:
    browser = begin(app)

    assert take(app, browser, "gitlab") is None


def test_it_is_forgotten_after_ten_minutes_and_names_no_state(app: Flask, redis_url: str) -> None:
    begin(app)

    with Redis.from_url(redis_url) as redis:
        (key,) = redis.keys("signalbox:oauth:*")
        assert 590 <= redis.ttl(key) <= 600
        assert STATE not in key.decode()


def test_without_redis_nothing_is_begun(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    slots.put(monkeypatch, app, REDIS, Redis.from_url("redis://127.0.0.1:1/0"))

    with pytest.raises(Unavailable):
        begin(app)
    with pytest.raises(Unavailable):
        take(app, {})
