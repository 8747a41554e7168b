"""Verifying keys: right, wrong, revoked, fast, and many at once."""

import threading
import time
from collections.abc import Callable

import bcrypt
import pytest
from flask import Flask
from sqlalchemy import event

from app.api_keys import services
from app.api_keys.services import CreatedKey
from app.api_keys.tokens import _checksum, kid_of, new_token
from app.api_keys.verification import bcrypt_cache, verifier
from app.api_keys.verification.bcrypt_cache import BcryptCache
from app.api_keys.verification.verifier import principal_of_key
from app.extensions import db
from app.lib import passwords
from app.lib.errors import AuthenticationFailed, RateLimited
from app.web.permissions import Role, permissions_of
from tests.people import People
from tests.webhooks.dispatch.scene import wait_until


@pytest.fixture
def key(app: Flask, people: People) -> CreatedKey:
    with app.app_context():
        return services.create_key(
            people.acme.id,
            "orders",
            scopes=["events:write", "events:read"],
            granted_by=permissions_of(Role.ADMIN),
            created_by_id=people.bob.id,
        )


def with_other_secret(token: str) -> str:
    """Return a well-formed key with the same public part and another secret."""
    other = new_token().token.split("_")[3]
    body = "_".join([*token.split("_")[:3], other])
    return f"{body}_{_checksum(body)}"


def test_key_has_the_promised_form() -> None:
    made = new_token()

    assert len(made.token) == 71
    assert made.token.startswith(f"sb_live_{made.kid}_")
    assert kid_of(made.token) == made.kid
    assert len({new_token().token for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "broken",
    [
        lambda token: token[:-1],
        lambda token: token + "x",
        lambda token: token[:30] + ("A" if token[30] != "A" else "B") + token[31:],
        lambda token: token + "\n",
        lambda token: "",
        lambda token: token.replace(token[8], "é", 1),
        lambda token: "x" * 100_000,
    ],
)
def test_typos_are_recognised_without_the_database(broken: Callable[[str], str]) -> None:
    assert kid_of(broken(new_token().token)) is None


def test_key_acts_for_its_team_with_its_scopes(app: Flask, people: People, key: CreatedKey) -> None:
    with app.app_context():
        principal = principal_of_key(key.token)

    assert (principal.kind, principal.id, principal.team_id) == ("api_key", key.id, people.acme.id)
    assert principal.permissions == {"events:write", "events:read"}


def test_api_takes_the_key_in_either_header(app: Flask, key: CreatedKey) -> None:
    client = app.test_client()

    bearer = client.get("/api/v1/events", headers={"Authorization": f"Bearer {key.token}"})
    header = client.get("/api/v1/events", headers={"X-API-Key": key.token})
    nothing = client.get("/api/v1/events")

    assert (bearer.status_code, header.status_code, nothing.status_code) == (200, 200, 401)
    assert nothing.content_type == "application/problem+json"
    assert nothing.get_json()["code"] == "AUTHENTICATION_FAILED"


def test_revoked_key_is_refused_by_the_next_request(app: Flask, people: People, key: CreatedKey) -> None:
    with app.app_context():
        principal_of_key(key.token)

        services.revoke_key(people.acme.id, key.id)

        with pytest.raises(AuthenticationFailed, match="was revoked"):
            principal_of_key(key.token)


def test_only_the_holder_learns_that_a_key_was_revoked(app: Flask, people: People, key: CreatedKey) -> None:
    with app.app_context():
        services.revoke_key(people.acme.id, key.id)
        with pytest.raises(AuthenticationFailed) as wrong:
            principal_of_key(with_other_secret(key.token))
        with pytest.raises(AuthenticationFailed) as unknown:
            principal_of_key(new_token().token)

    assert wrong.value.detail == unknown.value.detail
    assert "revoked" not in wrong.value.detail


def test_verified_key_costs_no_bcrypt(app: Flask, key: CreatedKey, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []
    check = bcrypt.checkpw

    def counting(secret: bytes, stored: bytes) -> bool:
        checked.append(stored)
        return check(secret, stored)

    monkeypatch.setattr(bcrypt, "checkpw", counting)
    with app.app_context():
        for _ in range(5):
            principal_of_key(key.token)

    assert len(checked) == 1


def test_cached_key_costs_no_select(app: Flask, key: CreatedKey) -> None:
    statements: list[str] = []
    with app.app_context():
        principal_of_key(key.token)
        event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        principal_of_key(key.token)

    assert statements == []


def test_no_transaction_is_open_while_a_key_is_checked(
    app: Flask, key: CreatedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_connections: list[int] = []

    def check(_token: str, _hash: str) -> bool:
        open_connections.append(db.engine.pool.checkedout())  # type: ignore[attr-defined]
        return True

    with app.app_context():
        db.session.remove()
        monkeypatch.setattr(verifier._verifier(), "_known", BcryptCache(check))
        principal_of_key(key.token)

    assert open_connections == [0]


class SlowCheck:
    """Counts checks; each takes a moment, as bcrypt does."""

    def __init__(self, right: str) -> None:
        self.right = right
        self.calls = 0
        self.at_once = self.at_once_max = 0
        self._guard = threading.Lock()

    def __call__(self, token: str, _key_hash: str) -> bool:
        with self._guard:
            self.calls += 1
            self.at_once += 1
            self.at_once_max = max(self.at_once_max, self.at_once)
        time.sleep(0.05)
        with self._guard:
            self.at_once -= 1
        return token == self.right


def in_threads(count: int, work: Callable[[int], object]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_many_first_calls_share_one_check() -> None:
    check = SlowCheck("right")
    known = BcryptCache(check)
    answers: list[bool] = []

    in_threads(16, lambda _: answers.append(known.matches("kid", "hash", "right", "right")))

    assert answers == [True] * 16
    assert check.calls == 1


def test_checks_at_once_are_bounded() -> None:
    check = SlowCheck("right")
    known = BcryptCache(check)

    in_threads(12, lambda number: known.matches(f"kid{number}", "hash", "right", "right"))

    assert check.calls == 12
    assert check.at_once_max <= 2


def test_wrong_secret_of_a_verified_key_costs_no_check() -> None:
    check = SlowCheck("right")
    known = BcryptCache(check)
    known.matches("kid", "hash", "right", "right")

    assert not any(
        known.matches("kid", "hash", f"wrong {number}", f"wrong {number}") for number in range(100)
    )

    assert check.calls == 1


def test_same_wrong_secret_of_an_unverified_key_costs_one_check() -> None:
    check = SlowCheck("right")
    known = BcryptCache(check)

    assert not any(known.matches("kid", "hash", "wrong", "wrong") for _ in range(50))

    assert check.calls == 1


def guess(known: BcryptCache, secret: str, address: str) -> bool:
    return known.matches("kid", "hash", secret, secret, address=address)


def test_many_wrong_secrets_from_one_address_are_refused_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    check = SlowCheck("right")
    known = BcryptCache(check)
    for number in range(5):
        guess(known, f"wrong {number}", "192.0.2.1")

    with pytest.raises(RateLimited) as refused:
        guess(known, "wrong again", "192.0.2.1")

    assert check.calls == 5
    assert 0 < (refused.value.retry_after_s or 0) <= 11
    assert known.matches("another kid", "hash", "right", "right", address="192.0.2.1"), (
        "other keys are not held up"
    )
    monkeypatch.setattr(bcrypt_cache, "_GUESSES_WINDOW_S", 0.0)
    assert guess(known, "right", "192.0.2.1"), "the right one is let in once the window has passed"


def test_guesses_of_others_do_not_refuse_the_holder() -> None:
    known = BcryptCache(SlowCheck("right"))
    for number in range(5):
        guess(known, f"wrong {number}", "192.0.2.1")

    assert guess(known, "right", "192.0.2.2")


def test_guesses_sent_at_once_do_not_slip_through() -> None:
    check = SlowCheck("right")
    known = BcryptCache(check)
    refused: list[int] = []

    def try_one(number: int) -> None:
        try:
            guess(known, f"wrong {number}", "192.0.2.1")
        except RateLimited:
            refused.append(number)

    in_threads(20, try_one)

    assert (check.calls, len(refused)) == (5, 15)


def test_addresses_that_guessed_wrong_wait_behind_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcrypt_cache, "_CHECKS_AT_ONCE", 1)
    order: list[str] = []
    let_go = threading.Event()

    def check(token: str, _key_hash: str) -> bool:
        order.append(token)
        if token == "held":
            let_go.wait(30)
        return token == "right"

    known = BcryptCache(check)
    guess(known, "wrong before", "192.0.2.1")
    guesses = [
        ("held", "192.0.2.3"),
        *((f"wrong {n}", "192.0.2.1") for n in range(4)),
        ("right", "192.0.2.2"),
    ]
    threads = []
    for number, (secret, address) in enumerate(guesses):
        threads.append(threading.Thread(target=guess, args=(known, secret, address)))
        threads[-1].start()
        wait_until(lambda: len(order) == 2 and len(known._slots._waiting) == number)  # noqa: B023
    let_go.set()
    for thread in threads:
        thread.join()

    assert order[:3] == ["wrong before", "held", "right"]


def test_holder_is_answered_while_fifty_addresses_guess(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call of a key that Redis dropped, among wrong secrets for it from everywhere."""
    monkeypatch.setattr(passwords, "API_KEY_ROUNDS", 4)  # Cheap: the time of a check is not tested.
    with app.app_context():
        key = services.create_key(
            people.acme.id, "x", scopes=["events:read"], granted_by=permissions_of(Role.ADMIN)
        )
    statuses: dict[int, list[int]] = {}

    def call(number: int) -> None:
        # Ten /64 of the fifty are IPv6; each address tries more often than is allowed.
        address = f"2001:db8:0:{number:x}::1" if number % 5 == 0 else f"198.51.100.{number}"
        tokens = [key.token] if number == 25 else [with_other_secret(key.token) for _ in range(7)]
        for token in tokens:
            answer = app.test_client().get(
                "/api/v1/events",
                headers={"Authorization": f"Bearer {token}"},
                environ_base={"REMOTE_ADDR": address},
            )
            statuses.setdefault(number, []).append(answer.status_code)

    in_threads(51, call)

    assert statuses.pop(25) == [200]
    # 401, or 503 for callers that waited too long; 429 where the key was not verified yet.
    assert {status for several in statuses.values() for status in several} <= {401, 429, 503}


def test_ipv6_addresses_of_one_network_guess_as_one(app: Flask, key: CreatedKey) -> None:
    def call(token: str, address: str) -> int:
        return (
            app.test_client()
            .get(
                "/api/v1/events",
                headers={"Authorization": f"Bearer {token}"},
                environ_base={"REMOTE_ADDR": address},
            )
            .status_code
        )

    guesses = [call(with_other_secret(key.token), f"2001:db8::{number:x}") for number in range(1, 8)]

    assert guesses == [401] * 5 + [429] * 2
    assert call(key.token, "2001:db8:0:1::1") == 200, "another /64"


def test_new_hash_is_checked_again() -> None:
    check = SlowCheck("right")
    known = BcryptCache(check)
    known.matches("kid", "hash", "right", "right")

    known.matches("kid", "another hash", "right", "right")

    assert check.calls == 2


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcrypt_cache, "_KEYS_MAX", 10)
    known = BcryptCache(lambda token, key_hash: True)

    for number in range(50):
        known.matches(f"kid{number}", "hash", "right", "right")

    assert len(known._known) == 10
    assert not known._flights
