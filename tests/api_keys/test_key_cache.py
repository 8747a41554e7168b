"""Verification through Redis: no race undoes a revocation, one bcrypt for all, and what happens without Redis."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.api_keys import services
from app.api_keys.models import ApiKey
from app.api_keys.services import CreatedKey
from app.api_keys.tokens import kid_of
from app.api_keys.verification import verifier
from app.api_keys.verification.bcrypt_cache import BcryptCache
from app.api_keys.verification.key_cache import Caller, Entry, KeyCache, invalidate
from app.api_keys.verification.verifier import Verifier, principal_of_key
from app.extensions import db, quick_redis
from app.lib import clock, passwords
from app.lib.errors import AuthenticationFailed, AuthorizationFailed
from app.web.limits import counters
from app.web.permissions import FULL
from tests.conftest import TestApps
from tests.people import People
from tests.webhooks.dispatch import programs
from tests.webhooks.dispatch.scene import wait_until

#: Callers at a time: more than the processes have threads.
CALLERS = 24


@pytest.fixture
def key(app: Flask, people: People) -> Iterator[CreatedKey]:
    with app.app_context():
        yield services.create_key(
            people.acme.id, "orders", scopes=["events:read"], granted_by=frozenset({FULL})
        )
        db.session.remove()


def change_row(key: CreatedKey, **values: object) -> None:
    """Change a key as the services do: with a higher version, and invalidated everywhere."""
    key_row = db.session.get_one(ApiKey, key.id)
    version = key_row.version + 1
    db.session.execute(update(ApiKey).where(ApiKey.id == key.id).values(version=version, **values))
    kid = key_row.kid
    db.session.commit()
    assert invalidate([kid], version)


def entry_of(key: CreatedKey, **changes: Any) -> Entry:
    kid = kid_of(key.token) or ""
    values: dict[str, Any] = {
        "version": 1,
        "key_id": key.id,
        "name": "orders",
        "team_id": "team_x",
        "scopes": ("events:read",),
        "networks": (),
        "per_hour": 10,
        "per_day": 10,
        "team_per_hour": 10,
        "ends_at_s": None,
        "is_test": False,
        "is_previous": False,
    }
    return Entry(kid, **{**values, **changes})


def test_check_that_began_before_a_revocation_cannot_bring_the_key_back(key: CreatedKey) -> None:
    cache = KeyCache(quick_redis())
    before = entry_of(key, version=1)
    cache.fill(before, "digest")
    assert cache.check(before.kid, "digest", before, None).word == "ok"

    assert invalidate([before.kid], 2)
    cache.fill(before, "digest")

    assert cache.check(before.kid, "digest", before, None).word == "MISS"


def test_newer_state_replaces_a_tombstone(key: CreatedKey) -> None:
    cache = KeyCache(quick_redis())
    assert invalidate([entry_of(key).kid], 2)
    after = entry_of(key, version=2, per_hour=5)
    cache.fill(after, "digest")

    answer = cache.check(after.kid, "digest", entry_of(key), None)

    assert (answer.word, answer.entry) == ("STALE", after)


def test_late_tombstone_of_an_older_change_removes_nothing_newer(key: CreatedKey) -> None:
    cache = KeyCache(quick_redis())
    newest = entry_of(key, version=3)
    cache.fill(newest, "digest")

    invalidate([newest.kid], 2)

    assert cache.check(newest.kid, "digest", newest, None).word == "ok"


def test_revoked_key_is_refused_and_says_so(people: People, key: CreatedKey) -> None:
    principal_of_key(key.token)

    services.revoke_key(people.acme.id, key.id)

    for _ in range(2):
        with pytest.raises(AuthenticationFailed, match="was revoked"):
            principal_of_key(key.token)


def test_new_scopes_count_from_the_next_call_on(key: CreatedKey) -> None:
    assert principal_of_key(key.token).permissions == {"events:read"}

    change_row(key, scopes=["events:write"])

    assert principal_of_key(key.token).permissions == {"events:write"}


def test_expiry_is_checked_at_every_call(key: CreatedKey, advance_clock: Callable[[float], None]) -> None:
    change_row(key, expires_at=clock.now() + timedelta(hours=1))
    principal_of_key(key.token)
    advance_clock(3500)
    principal_of_key(key.token)

    advance_clock(100)

    with pytest.raises(AuthenticationFailed, match="has expired"):
        principal_of_key(key.token)


def test_replaced_key_works_until_its_grace_ends(
    people: People, key: CreatedKey, advance_clock: Callable[[float], None]
) -> None:
    newer = services.create_key(people.acme.id, "x", scopes=["events:read"], granted_by=frozenset({FULL}))
    old, new = db.session.get_one(ApiKey, key.id), db.session.get_one(ApiKey, newer.id)
    old_kid, old_hash, new_kid, new_hash = old.kid, old.key_hash, new.kid, new.key_hash
    db.session.delete(new)
    db.session.commit()
    change_row(
        key,
        kid=new_kid,
        key_hash=new_hash,
        previous_kid=old_kid,
        previous_key_hash=old_hash,
        previous_ends_at=clock.now() + timedelta(hours=1),
    )
    assert invalidate([old_kid, new_kid], 2)

    assert principal_of_key(key.token).id == principal_of_key(newer.token).id == key.id
    advance_clock(3600)
    with pytest.raises(AuthenticationFailed, match="was regenerated"):
        principal_of_key(key.token)
    assert principal_of_key(newer.token).id == key.id


def test_networks_are_checked_against_the_address_of_the_call(app: Flask, key: CreatedKey) -> None:
    change_row(key, networks=["203.0.113.0/24", "2001:db8::/32"])
    client = app.test_client()

    def call(address: str) -> int:
        return client.get(
            "/api/v1/events",
            headers={"X-API-Key": key.token},
            environ_base={"REMOTE_ADDR": address},
        ).status_code

    for _ in range(2):
        assert [call("203.0.113.9"), call("::ffff:203.0.113.9"), call("2001:db8::1")] == [200] * 3
        assert [call("203.0.114.1"), call("127.0.0.1"), call("2001:db9::1")] == [403] * 3


def test_refusal_by_network_uses_up_no_limit(app: Flask, key: CreatedKey) -> None:
    change_row(key, networks=["203.0.113.0/24"])
    for _ in range(5):
        with pytest.raises(AuthorizationFailed, match="may not be used from"):
            verifier._verifier().verify(key.token, Caller("192.0.2.1", ""))

    entry = verifier.check(key.token)

    assert [status.used for status in counters().peek(entry.policies())] == [0, 0, 0]


def test_processes_share_one_slow_check(app: Flask, key: CreatedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    # Long enough for the first caller on any machine.
    monkeypatch.setattr(verifier, "_FLIGHT_S", 60.0)
    monkeypatch.setattr("app.api_keys.verification.key_cache._FLIGHT_MS", 60_000)
    calls: list[str] = []

    def check(token: str, key_hash: str) -> bool:
        calls.append(token)
        time.sleep(0.1)
        return passwords.matches(token, key_hash)

    # As four processes: caches of their own, one Redis.
    processes = [Verifier(KeyCache(quick_redis()), BcryptCache(check), b"pepper") for _ in range(4)]

    def first_call(number: int) -> str:
        with app.app_context():
            return processes[number % 4].verify(key.token, Caller("192.0.2.1", "")).key_id

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(first_call, range(16)))

    assert found == [key.id] * 16
    assert len(calls) == 1


class TestWithoutRedis:
    @pytest.fixture
    def verifier(self, key: CreatedKey) -> Verifier:
        """A process whose Redis went down after the key was verified."""
        first = verifier._verifier()
        first.verify(key.token, Caller("192.0.2.1", ""))
        counters().note_failure(ConnectionError("gone"))
        counters()._away_until_s = time.monotonic() + 60
        return first

    @pytest.fixture(autouse=True)
    def redis_returns(self, app: Flask) -> Iterator[None]:
        yield
        with app.app_context():
            counters()._away_until_s = 0.0

    def test_the_row_decides(self, people: People, key: CreatedKey, verifier: Verifier) -> None:
        caller = Caller("192.0.2.1", "")
        assert verifier.verify(key.token, caller).key_id == key.id

        row = db.session.get_one(ApiKey, key.id)
        row.revoked_at = clock.now()
        db.session.commit()

        with pytest.raises(AuthenticationFailed, match="was revoked"):
            verifier.verify(key.token, caller)

    def test_limits_hold_in_the_process(self, app: Flask, key: CreatedKey, verifier: Verifier) -> None:
        change = update(ApiKey).where(ApiKey.id == key.id).values(per_hour=3)
        db.session.execute(change)
        db.session.commit()
        codes = []
        client = app.test_client()
        for _ in range(5):
            codes.append(client.get("/api/v1/events", headers={"X-API-Key": key.token}).status_code)

        assert codes == [200, 200, 200, 429, 429]


def test_no_call_succeeds_after_a_revocation_on_four_processes(
    test_apps: TestApps,
    database_kind: str,
    app: Flask,
    people: People,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = Path(tmp_path_factory.mktemp("w"))
    settings = test_apps.settings(database_kind).model_copy(update={"port": programs.free_port()})
    with app.app_context():
        key = services.create_key(
            people.acme.id,
            "raced",
            scopes=["events:read"],
            granted_by=frozenset({FULL}),
            per_hour=1_000_000,
            per_day=1_000_000,
        )
    web = programs.Web(settings, directory, workers=4)
    with programs.running(web):
        wait_until(web.is_healthy)
        calls = Calls(settings.port, key.token)
        calls.run(CALLERS)
        wait_until(lambda: calls.answered(200) >= 4 * CALLERS)
        with app.app_context():
            services.revoke_key(people.acme.id, key.id)
        revoked_at_s = time.monotonic()
        wait_until(lambda: calls.answered(401) >= 4 * CALLERS)
        calls.stop()

    assert {code for began_s, code in calls.answers if began_s > revoked_at_s} == {401}


class Calls:
    """Many callers that call without a pause."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}"}
        self._is_stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        #: When each call began (monotonic seconds), and its status.
        self.answers: list[tuple[float, int]] = []

    def run(self, count: int) -> None:
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def answered(self, status: int) -> int:
        """Return how many calls had this answer."""
        return sum(code == status for _, code in list(self.answers))

    def stop(self) -> None:
        self._is_stopping.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._is_stopping.is_set():
            began_s = time.monotonic()
            connection.request("GET", "/api/v1/event-types", headers=self._headers)
            answer = connection.getresponse()
            answer.read()
            self.answers.append((began_s, answer.status))
        connection.close()
