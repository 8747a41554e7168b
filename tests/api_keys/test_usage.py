"""Uses of keys reach the database in batches: hours, totals, last use, callers of an old key; none is lost."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.services.limits import limit_team
from app.api_keys import services
from app.api_keys.models import ApiKey, ApiKeyCaller, ApiKeyHour
from app.api_keys.services import CreatedKey, maintenance
from app.api_keys.usage.services import flush_usage
from app.api_keys.verification import verifier
from app.api_keys.verification.key_cache import USAGE, Caller
from app.events.models import Event
from app.extensions import db, quick_redis
from app.lib import clock
from app.lib.errors import AuthenticationFailed, RateLimited
from app.web.limits import counters
from app.web.permissions import FULL
from tests.people import People

pytestmark = pytest.mark.postgresql

HERE = Caller("203.0.113.7", "orders/1.2")


@pytest.fixture
def key(app: Flask, people: People) -> Iterator[CreatedKey]:
    with app.app_context():
        yield services.create_key(
            people.acme.id, "orders", scopes=["events:read"], granted_by=frozenset({FULL}), per_hour=5
        )
        db.session.remove()


def use(key_token: str, times: int, caller: Caller = HERE) -> None:
    for _ in range(times):
        verifier._verifier().verify(key_token, caller)


def row(key: CreatedKey) -> ApiKey:
    db.session.rollback()
    return db.session.get_one(ApiKey, key.id, populate_existing=True)


def test_uses_and_refusals_are_counted_by_the_hour(key: CreatedKey) -> None:
    use(key.token, 5)
    for _ in range(3):
        with pytest.raises(RateLimited):
            use(key.token, 1)

    assert flush_usage() == 5

    (hour,) = db.session.scalars(select(ApiKeyHour)).all()
    assert (hour.used, hour.refused) == (5, 3)
    assert hour.hour == clock.now().replace(minute=0, second=0, microsecond=0)
    stored = row(key)
    assert (stored.used_count, stored.last_address) == (5, "203.0.113.7")
    assert stored.last_used_at is not None
    assert clock.now() - stored.last_used_at < timedelta(seconds=10)


def test_flushes_add_up_and_an_empty_one_changes_nothing(key: CreatedKey) -> None:
    use(key.token, 2)
    flush_usage()
    use(key.token, 1)
    flush_usage()

    assert flush_usage() == 0
    assert row(key).used_count == 3


def test_flushes_at_once_count_every_use_once(app: Flask, key: CreatedKey) -> None:
    """As two workers do that find the jobs of an outage waiting."""
    rounds = 20
    hour = int(clock.now().replace(minute=0, second=0, microsecond=0).timestamp())
    start = threading.Barrier(2)

    def flush() -> None:
        with app.app_context():
            start.wait()
            flush_usage()
            db.session.remove()

    db.session.rollback()
    for _ in range(rounds):
        quick_redis().hincrby(USAGE, f"used|{key.id}|{key.id}|{hour}", 1)
        both = [threading.Thread(target=flush) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()

    assert row(key).used_count == rounds


def test_flush_that_died_is_completed_by_the_next(key: CreatedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    use(key.token, 2)
    with monkeypatch.context() as patch:
        patch.setattr(db.session(), "commit", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            flush_usage()
    db.session.rollback()
    use(key.token, 1)

    flush_usage()
    flush_usage()

    assert row(key).used_count == 3


def test_uses_of_a_deleted_key_are_dropped(people: People, key: CreatedKey) -> None:
    use(key.token, 1)
    db.session.delete(row(key))
    db.session.commit()

    flush_usage()

    assert db.session.scalars(select(ApiKeyHour)).all() == []


def test_callers_still_on_the_old_key_are_listed(people: People, key: CreatedKey) -> None:
    newer = services.regenerate_key(people.acme.id, key.id, grace_s=3600, granted_by=frozenset({FULL}))
    use(newer.token, 1)
    use(key.token, 2, Caller("198.51.100.1", "cron|job"))
    use(key.token, 1, Caller("2001:db8::5", "worker/3"))

    flush_usage()

    callers = db.session.scalars(select(ApiKeyCaller).order_by(ApiKeyCaller.used_count.desc())).all()
    assert [(caller.address, caller.used_count) for caller in callers] == [
        ("198.51.100.1", 2),
        ("2001:db8::5", 1),
    ]
    assert {caller.api_key_id for caller in callers} == {key.id}
    assert row(key).used_count == 4, "old and new count for the same key"


def test_uses_without_redis_are_counted_once_it_is_back(key: CreatedKey) -> None:
    use(key.token, 1)
    counters()._away_until_s = time.monotonic() + 60
    use(key.token, 3)
    counters()._away_until_s = 0.0
    use(key.token, 1)

    flush_usage()

    assert row(key).used_count == 5


def test_team_is_notified_of_an_expiring_key_once(app: Flask, people: People, key: CreatedKey) -> None:
    soon, later = clock.now() + timedelta(days=5), clock.now() + timedelta(days=9)
    services.change_key(people.acme.id, key.id, {"expires_at": later}, granted_by=frozenset({FULL}))
    assert maintenance.notify_expiring() == 0
    services.change_key(people.acme.id, key.id, {"expires_at": soon}, granted_by=frozenset({FULL}))

    assert [maintenance.notify_expiring() for _ in range(2)] == [1, 0]

    (event,) = db.session.scalars(select(Event)).all()
    assert event.type == "signalbox.api_key.expiring"
    assert '"days_left":4' in event.body
    assert key.token not in event.body


def test_change_that_redis_missed_is_repeated(people: People, key: CreatedKey) -> None:
    use(key.token, 1)
    kid = row(key).kid
    kept = cast(bytes, quick_redis().dump(f"signalbox:key:{kid}"))
    services.revoke_key(people.acme.id, key.id)
    # As if the tombstone had never reached Redis.
    quick_redis().restore(f"signalbox:key:{kid}", 60_000, kept, replace=True)
    use(key.token, 1)

    assert maintenance.reconcile_cache() == 1

    with pytest.raises(AuthenticationFailed, match="was revoked"):
        use(key.token, 1)


def test_new_limit_of_the_team_counts_at_once_and_keeps_what_is_used(people: People, key: CreatedKey) -> None:
    use(key.token, 3)
    team = row(key).team_id
    limit_team("acme", tier=None, per_hour=4, keeps_per_hour=False)
    assert maintenance.invalidate_team(team)

    use(key.token, 1)
    with pytest.raises(RateLimited, match="4 API requests per hour of this team"):
        use(key.token, 1)
