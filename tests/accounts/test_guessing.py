"""Guessing passwords: refused from one address, one network, many addresses and everywhere; the owner gets in."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import update
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from app.accounts import known_devices, throttle, tokens
from app.accounts.models import User
from app.accounts.services import sign_in_links
from app.config import Settings
from app.extensions import db
from app.lib import passwords
from app.lib.errors import NotFound
from app.lib.timed_signer import TimedSigner
from app.web.limits import counters
from app.web.limits.process_counters import ProcessCounters
from tests.page import Page
from tests.people import PASSWORD, People, Person, Visitor
from tests.waiting_jobs import run_waiting_jobs, waiting_mails

ALICE = "alice@example.com"
NEW = "seven brown herons"


@pytest.fixture(autouse=True)
def quick_hashes(app: Flask, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make hashes cheap: hundreds of passwords are tried here."""
    monkeypatch.setattr(passwords, "PASSWORD_ROUNDS", 4)
    with app.app_context():
        db.session.execute(update(User).values(password_hash=passwords.hash_secret(PASSWORD, rounds=4)))
        db.session.commit()


@pytest.fixture
def without_redis(app: Flask) -> Iterator[None]:
    """Make Redis unavailable to the limits."""
    with app.app_context():
        found = counters()
    found._away_until_s = float("inf")
    yield
    found._away_until_s = 0.0
    found._own = ProcessCounters()


class UnknownBrowsers:
    """Unknown browsers, at any address. They share one form, for speed."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._visitor = people.anybody()
        self._csrf_token = self._visitor.csrf_token()

    def __call__(self, address: str, email: str = ALICE, password: str = "wrong password") -> TestResponse:
        """Try to sign in from this address."""
        if password == PASSWORD:
            new = self._people.anybody()
            return new.sign_in(email, password, environ_overrides={"REMOTE_ADDR": address})
        return self._visitor.client.post(
            "/sign-in",
            data={"csrf_token": self._csrf_token, "email": email, "password": password},
            environ_overrides={"REMOTE_ADDR": address},
        )


@pytest.fixture
def try_from(people: People) -> UnknownBrowsers:
    return UnknownBrowsers(people)


def statuses(answers: list[TestResponse]) -> list[int]:
    return [answer.status_code for answer in answers]


def link_in(mail: str) -> str:
    found = re.search(r"/sign-in/link/\S+", mail)
    assert found, mail
    return found[0]


def mailed_link(app: Flask, visitor: Visitor, capsys: pytest.CaptureFixture[str], email: str = ALICE) -> str:
    """Ask for a link and return its path."""
    assert visitor.post("/sign-in/link", {"email": email}).status_code == 303
    run_waiting_jobs(app)
    return link_in(capsys.readouterr().out)


def token_of(app: Flask, person: Person) -> str:
    with app.app_context():
        token = tokens.sign_in_token(db.session.get_one(User, person.id))
        db.session.remove()
    return token


class TestLimits:
    def test_forty_addresses_at_one_account(self, people: People, try_from: UnknownBrowsers) -> None:
        answers = [try_from(f"192.0.2.{number}") for number in range(1, 41)]

        assert statuses(answers) == [422] * throttle.TRIES_AT_ACCOUNT + [429] * (
            40 - throttle.TRIES_AT_ACCOUNT
        )

    def test_one_ipv6_network_at_one_account(self, people: People, try_from: UnknownBrowsers) -> None:
        answers = [try_from(f"2001:db8::{number:x}") for number in range(1, 41)]

        assert statuses(answers) == [422] * 10 + [429] * 30
        assert try_from("2001:db8:0:1::1").status_code == 422, "another /64 counts apart"

    def test_one_address_at_forty_accounts(self, people: People, try_from: UnknownBrowsers) -> None:
        answers = [try_from("192.0.2.1", f"person{number}@example.com") for number in range(40)]

        assert statuses(answers) == [422] * throttle.TRIES_PER_ADDRESS + [429] * 10
        assert try_from("192.0.2.2", password=PASSWORD).status_code == 303, "others are not kept out"

    def test_one_ipv6_network_at_forty_accounts(self, people: People, try_from: UnknownBrowsers) -> None:
        answers = [try_from(f"2001:db8::{number:x}", f"person{number}@example.com") for number in range(40)]

        assert statuses(answers) == [422] * throttle.TRIES_PER_ADDRESS + [429] * 10

    def test_right_passwords_are_not_counted(self, people: People, try_from: UnknownBrowsers) -> None:
        """Users of a company behind one address sign in more often than the limit of wrong tries."""
        answers = [try_from("192.0.2.1", password=PASSWORD) for _ in range(32)]

        assert statuses(answers) == [303] * 32

    def test_right_password_clears_no_tries_of_others(
        self, people: People, try_from: UnknownBrowsers
    ) -> None:
        for number in range(1, 20):
            try_from(f"192.0.2.{number}")
        assert try_from("203.0.113.1", password=PASSWORD).status_code == 303

        assert statuses([try_from(f"198.51.100.{n}") for n in range(2)]) == [422, 429]

    def test_tries_at_once_do_not_slip_through(self, people: People) -> None:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: UnknownBrowsers(people)(f"192.0.2.{n}"), range(1, 41)))

        assert sorted(statuses(answers)) == [422] * throttle.TRIES_AT_ACCOUNT + [429] * 20

    def test_refusal_reads_the_same_without_an_account(
        self, people: People, try_from: UnknownBrowsers, page: Page
    ) -> None:
        def refusal(email: str) -> str:
            answers = [try_from(f"192.0.2.{number}", email) for number in range(1, 22)]
            assert statuses(answers) == [422] * 20 + [429]
            return page.read(answers[-1]).text()

        known, unknown = refusal(ALICE), refusal("nobod@example.com")

        assert known.replace("alice@", "nobod@") == unknown
        assert "have a sign-in link mailed to you" in known

    def test_limits_hold_per_process_while_redis_is_away(
        self, people: People, try_from: UnknownBrowsers, without_redis: None
    ) -> None:
        answers = [try_from(f"192.0.2.{number}") for number in range(1, 26)]

        assert statuses(answers) == [422] * 20 + [429] * 5


class TestSeam:
    """Limits hold for any quarter of an hour: no double quota where one would end and the next begin."""

    @pytest.fixture
    def pass_time(self, redis_url: str) -> Callable[[float], None]:
        """Return what lets time pass for all counters: it ages the uses in Redis, and ends windows."""

        def pass_time(seconds: float) -> None:
            with Redis.from_url(redis_url) as redis:
                for counter in redis.scan_iter("signalbox:*limit:*"):
                    left_ms = redis.pttl(counter) - int(seconds * 1000)
                    if redis.type(counter) == b"list":
                        for place, used_at_ms in enumerate(redis.lrange(counter, 0, -1)):
                            redis.lset(counter, place, int(used_at_ms) - int(seconds * 1000))
                    if left_ms > 0:
                        redis.pexpire(counter, left_ms)
                    else:
                        redis.delete(counter)

        return pass_time

    def test_no_second_quota_of_passwords(
        self, try_from: UnknownBrowsers, pass_time: Callable[[float], None]
    ) -> None:
        assert try_from("192.0.2.1").status_code == 422
        pass_time(throttle.WINDOW_S - 10)
        before = [try_from(f"192.0.2.{number}") for number in range(2, 21)]
        pass_time(11)

        after = [try_from(f"198.51.100.{number}") for number in range(1, 21)]

        assert statuses(before) == [422] * 19
        assert statuses(after) == [422] + [429] * 19

    def test_no_second_quota_of_mails(
        self, app: Flask, people: People, visitor: Visitor, pass_time: Callable[[float], None]
    ) -> None:
        visitor.post("/sign-in/link", {"email": ALICE})
        pass_time(throttle.WINDOW_S - 10)
        for _ in range(4):
            visitor.post("/sign-in/link", {"email": ALICE})
        pass_time(11)

        answers = [visitor.post("/sign-in/link", {"email": ALICE}) for _ in range(5)]

        assert statuses(answers) == [303] + [429] * 4
        assert len(waiting_mails(app)) == 6


class TestOwner:
    @pytest.fixture
    def guessed_at(self, people: People, try_from: UnknownBrowsers) -> None:
        """Guesses of others have used up the limit of the account."""
        # The owner has signed in with this browser before.
        assert people.alice.get("/account").status_code == 200
        people.alice.post("/sign-out")
        for number in range(1, 22):
            last = try_from(f"192.0.2.{number}")
        assert last.status_code == 429

    def test_known_browser_gets_in(self, people: People, try_from: UnknownBrowsers, guessed_at: None) -> None:
        assert try_from("203.0.113.1", password=PASSWORD).status_code == 429, "a new browser does not"

        assert people.alice.visitor.sign_in(ALICE).status_code == 303

    def test_known_browser_gets_in_at_an_address_that_guesses(
        self, people: People, try_from: UnknownBrowsers
    ) -> None:
        assert people.alice.get("/account").status_code == 200
        people.alice.post("/sign-out")
        for number in range(31):
            try_from("127.0.0.1", f"person{number}@example.com")
        assert try_from("127.0.0.1", password=PASSWORD).status_code == 429

        assert people.alice.visitor.sign_in(ALICE).status_code == 303

    def test_mailed_link_gets_in(
        self, app: Flask, people: People, guessed_at: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        visitor = people.anybody()

        assert visitor.post(mailed_link(app, visitor, capsys)).status_code == 303

        assert visitor.get("/account").status_code == 200
        visitor.post("/sign-out")
        assert visitor.sign_in(ALICE).status_code == 303, "and its browser is a known one"

    def test_known_browser_is_limited_too(self, people: People, try_from: UnknownBrowsers) -> None:
        assert people.alice.get("/account").status_code == 200
        people.alice.post("/sign-out")
        answers = [people.alice.visitor.sign_in(ALICE, "wrong password") for _ in range(12)]

        assert statuses(answers) == [422] * throttle.TRIES_PER_KNOWN_DEVICE + [429] * 2
        assert try_from("127.0.0.1", password=PASSWORD).status_code == 303, "apart from all others"

    def test_browser_is_known_for_its_own_accounts_only(self, people: People, guessed_at: None) -> None:
        assert people.mel.get("/account").status_code == 200
        people.mel.post("/sign-out")

        assert people.mel.visitor.sign_in(ALICE).status_code == 429

    def test_browser_is_known_for_several_accounts(self, people: People, guessed_at: None) -> None:
        shared = people.alice.visitor
        assert shared.sign_in("mel@example.com").status_code == 303
        shared.post("/sign-out")

        assert shared.sign_in(ALICE).status_code == 303

    def test_forged_cookie_makes_no_known_browser(self, app: Flask, people: People, guessed_at: None) -> None:
        cookie = people.alice.visitor.client.get_cookie(known_devices.COOKIE)
        assert cookie is not None
        assert cookie.http_only
        forger = people.anybody()
        forger.client.set_cookie(known_devices.COOKIE, cookie.value[:-3] + "AAA")

        assert forger.sign_in(ALICE).status_code == 429

    def test_new_password_makes_other_browsers_unknown(
        self, people: People, try_from: UnknownBrowsers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(throttle, "TRIES_AT_ACCOUNT", 1)
        other = people.alice.new_visitor()
        people.alice.post(
            "/account/password", {"password-current_password": PASSWORD, "password-new_password": NEW}
        )
        people.alice.post("/sign-out")
        try_from("192.0.2.1")

        assert other.sign_in(ALICE, NEW).status_code == 429
        assert people.alice.visitor.sign_in(ALICE, NEW).status_code == 303, "the one that changed it is known"


class TestInstance:
    @pytest.fixture
    def under_attack(
        self,
        app: Flask,
        settings: Settings,
        people: People,
        try_from: UnknownBrowsers,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Many accounts were guessed at, each once and from an address of its own."""
        few = settings.model_copy(update={"sign_in_failures_max": 6})
        monkeypatch.setitem(app.config, "SETTINGS", few)
        assert people.alice.get("/account").status_code == 200
        people.alice.post("/sign-out")
        for number in range(6):
            assert try_from(f"192.0.2.{number}", f"person{number}@example.com").status_code == 422

    def test_limits_tighten(self, people: People, try_from: UnknownBrowsers, under_attack: None) -> None:
        one_address = [try_from("198.51.100.1", f"more{number}@example.com") for number in range(5)]
        one_account = [try_from(f"203.0.113.{number}") for number in range(5)]

        assert statuses(one_address) == [422] * 3 + [429] * 2
        assert statuses(one_account) == [422] * 3 + [429] * 2

    def test_nobody_is_kept_out(self, people: People, try_from: UnknownBrowsers, under_attack: None) -> None:
        assert try_from("203.0.113.1", "bob@example.com", PASSWORD).status_code == 303
        for number in range(5):
            try_from(f"198.51.100.{number}")

        assert people.alice.visitor.sign_in(ALICE).status_code == 303
        assert people.anybody().post("/sign-in/link", {"email": ALICE}).status_code == 303

    def test_attack_is_logged_once(
        self, people: People, try_from: UnknownBrowsers, under_attack: None
    ) -> None:
        with capture_logs() as logged:
            for number in range(3):
                try_from(f"198.51.100.{number}", "nobody@example.com")

        told = [entry for entry in logged if entry["event"] == "sign_in_under_attack"]
        assert [entry["wrong_tries"] for entry in told] == [6]


class TestLink:
    def test_answer_is_the_same_whether_the_address_has_an_account(
        self, app: Flask, people: People, page: Page, visitor: Visitor
    ) -> None:
        known = page.read(visitor.post("/sign-in/link", {"email": ALICE}, follow_redirects=True))
        unknown = page.read(
            visitor.post("/sign-in/link", {"email": "nobod@example.com"}, follow_redirects=True)
        )

        assert known.status == unknown.status == 200
        assert known.text().replace("alice@", "nobod@") == unknown.text()
        assert waiting_mails(app) == ["accounts.sign_in_link"] * 2, "both cause the same work"

    def test_looking_at_it_signs_nobody_in(
        self, app: Flask, people: People, page: Page, visitor: Visitor, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = mailed_link(app, visitor, capsys)

        for _ in range(2):
            assert page.get(path).has_text("You sign in here as alice@example.com.")
        assert visitor.get("/account").status_code == 303
        assert visitor.post(path).location == "/"

    def test_it_works_once_and_ends_the_others(self, app: Flask, people: People, visitor: Visitor) -> None:
        first, second = token_of(app, people.alice), token_of(app, people.alice)

        assert visitor.post(f"/sign-in/link/{first}").status_code == 303

        for token in (first, second):
            assert people.anybody().get(f"/sign-in/link/{token}").status_code == 404
            assert people.anybody().post(f"/sign-in/link/{token}").status_code == 404

    def test_of_two_at_once_one_gets_in(self, app: Flask, people: People) -> None:
        token = token_of(app, people.alice)
        outcomes: list[bool] = []

        def use() -> None:
            with app.app_context():
                try:
                    sign_in_links.use_link(token)
                except NotFound:
                    outcomes.append(False)
                else:
                    outcomes.append(True)

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcomes) == [False, False, False, True]

    def test_it_ends_after_a_quarter_of_an_hour(
        self, app: Flask, people: People, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = token_of(app, people.alice)
        made_at = TimedSigner.get_timestamp
        monkeypatch.setattr(TimedSigner, "get_timestamp", lambda signer: made_at(signer) + 901)

        assert visitor.get(f"/sign-in/link/{token}").status_code == 404
        assert visitor.post(f"/sign-in/link/{token}").status_code == 404

    def test_new_password_ends_it(self, app: Flask, people: People, visitor: Visitor) -> None:
        token = token_of(app, people.alice)
        people.alice.post(
            "/account/password", {"password-current_password": PASSWORD, "password-new_password": NEW}
        )

        assert visitor.post(f"/sign-in/link/{token}").status_code == 404

    def test_second_factor_is_still_asked_for(self, app: Flask, people: People, visitor: Visitor) -> None:
        with app.app_context():
            db.session.execute(
                update(User).where(User.email == ALICE).values(totp_enabled_at=User.created_at)
            )
            db.session.commit()

        assert visitor.post(f"/sign-in/link/{token_of(app, people.alice)}").location == "/sign-in/code"
        assert visitor.get("/account").status_code == 303

    def test_nobody_can_fill_a_mailbox(self, app: Flask, people: People, visitor: Visitor) -> None:
        for _ in range(5):
            visitor.post("/sign-in/link", {"email": ALICE})

        refused = visitor.post("/sign-in/link", {"email": ALICE})

        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 900
        assert len(waiting_mails(app)) == 5

    @pytest.mark.parametrize("forged", ["x", "WyJ1c3IiLDEsIngiXQ.aaaa.bbbb", "x" * 3000])
    def test_forged_link_is_invalid(self, page: Page, forged: str) -> None:
        assert page.get(f"/sign-in/link/{forged}", status=404).has_text("does not work any more")
