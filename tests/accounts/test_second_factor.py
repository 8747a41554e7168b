"""A code of the app, or a recovery code, after the password."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from app.accounts import codes
from app.accounts.models import RecoveryCode, User
from app.accounts.tokens import reset_token
from app.audit.models import AuditEntry
from app.extensions import db
from app.lib import clock
from app.lib.timed_signer import TimedSigner
from tests.page import Document, Page
from tests.people import PASSWORD, People, Visitor
from tests.web.test_one_time_secrets import copy_of


@dataclass
class Phone:
    """Alice's authenticator app, and the recovery codes that she kept."""

    secret: str
    recovery_codes: list[str]

    def code(self, *, steps_ahead: int = 0) -> str:
        """Return what the app shows, or will show `steps_ahead` half minutes later."""
        return pyotp.TOTP(self.secret).at(datetime.now(UTC) + timedelta(seconds=30 * steps_ahead))


def secret_on(document: Document) -> str:
    return document.text(document.by_id("totp-secret")).replace(" ", "")


def allow_last_code_again(app: Flask) -> None:
    """Let the current code be used again: the test is about something else."""
    with app.app_context():
        db.session.execute(update(User).values(totp_last_step=None))
        db.session.commit()


@pytest.fixture
def phone(app: Flask, people: People, page: Page) -> Phone:
    """Return the app of Alice, whose second factor is on."""
    secret = secret_on(page.get("/account/second-factor", people.alice))
    answer = people.alice.post(
        "/account/second-factor", {"code": pyotp.TOTP(secret).now(), "current_password": PASSWORD}
    )
    assert answer.status_code == 303, answer.get_data(as_text=True)
    shown = page.get("/account/second-factor", people.alice)
    allow_last_code_again(app)
    return Phone(secret, [shown.text(item) for item in shown.by_id("recovery-codes")])


@pytest.fixture
def after_password(people: People, phone: Phone, visitor: Visitor) -> Visitor:
    """Return a browser in which Alice has given her password, but no code."""
    assert visitor.sign_in("alice@example.com").location == "/sign-in/code"
    return visitor


def test_setting_up_shows_secret_and_picture(people: People, page: Page) -> None:
    shown = page.get("/account/second-factor", people.alice)
    again = page.get("/account/second-factor", people.alice)

    assert re.fullmatch(r"[A-Z2-7]{32}", secret_on(shown))
    assert secret_on(again) == secret_on(shown), "reloading does not break what was scanned"
    assert shown.html.count('class="sb-qr"') == 1
    assert shown.by_id("code").get("autocomplete") == "one-time-code"
    assert shown.by_id("code").get("inputmode") == "numeric"
    other = page.get("/account/second-factor", people.alice.new_visitor())
    assert secret_on(other) != secret_on(shown), "another session never sees it"


def test_turning_on_needs_password_and_code(people: People, page: Page) -> None:
    secret = secret_on(page.get("/account/second-factor", people.alice))
    good = pyotp.TOTP(secret).now()
    bad = f"{(int(good) + 1) % 1_000_000:06}"

    wrong_code = page.read(
        people.alice.post("/account/second-factor", {"code": bad, "current_password": PASSWORD})
    )
    wrong_password = page.read(
        people.alice.post("/account/second-factor", {"code": good, "current_password": "wrong one"})
    )
    no_code = page.read(
        people.alice.post("/account/second-factor", {"code": "12", "current_password": PASSWORD})
    )

    assert wrong_code.status == wrong_password.status == no_code.status == 422
    assert "This code is wrong" in wrong_code.error_of("code")
    assert "not your password" in wrong_password.error_of("current_password")
    assert "six digits" in no_code.error_of("code")
    assert secret_on(wrong_code) == secret
    assert people.anybody().sign_in("alice@example.com").location == "/"


def test_secret_and_codes_are_not_readable_in_the_database(app: Flask, people: People, phone: Phone) -> None:
    with app.app_context():
        sealed = db.session.scalar(select(User.totp_secret_sealed).where(User.id == people.alice.id))
        digests = db.session.scalars(select(RecoveryCode.code_digest)).all()
        db.session.remove()

    assert sealed is not None
    assert phone.secret not in sealed
    assert len(digests) == len(set(phone.recovery_codes)) == 10
    assert not {code.replace("-", "") for code in phone.recovery_codes} & set(digests)


def test_recovery_codes_are_shown_once_and_downloaded(people: People, page: Page, phone: Phone) -> None:
    again = page.get("/account/second-factor", people.alice)
    file = people.alice.post("/account/second-factor/codes.txt", {"codes": " ".join(phone.recovery_codes)})
    nonsense = people.alice.post("/account/second-factor/codes.txt", {"codes": "anything"})

    assert again.has_text("10 of 10 codes left")
    assert phone.recovery_codes[0] not in again.html
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert all(code in file.get_data(as_text=True) for code in phone.recovery_codes)
    assert nonsense.status_code == 422


def test_copied_cookie_shows_neither_codes_nor_the_secret_in_use(people: People, page: Page) -> None:
    secret = secret_on(page.get("/account/second-factor", people.alice))
    before = copy_of(people.alice.visitor)
    form = {"code": pyotp.TOTP(secret).now(), "current_password": PASSWORD}
    shown_at = people.alice.post("/account/second-factor", form).location
    after = copy_of(people.alice.visitor)
    made = page.get(str(shown_at), people.alice)
    recovery_code = made.text(made.by_id("recovery-codes")).split()[0]

    form_again = before.post("/account/second-factor", {"code": "12"})
    codes_again = page.get("/account/second-factor", after)

    assert form_again.status_code == 303, "the form would show the secret"
    assert recovery_code not in codes_again.html
    assert codes_again.has_text("If they are lost, make new ones.")


def test_password_alone_signs_nobody_in(people: People, page: Page, after_password: Visitor) -> None:
    for path in ("/account", "/teams", "/t/acme/members", "/account/second-factor", "/account/sessions"):
        assert after_password.get(path).status_code == 303, path
    assert after_password.get("/").location == "/sign-in"
    assert page.get("/sign-in/code", after_password).by_id("code").get("autocomplete") == "one-time-code"


def test_code_signs_in_and_leads_back(people: People, phone: Phone, visitor: Visitor) -> None:
    visitor.post("/sign-in?next=/t/acme/members", {"email": "alice@example.com", "password": PASSWORD})
    spaced = f"{phone.code()[:3]} {phone.code()[3:]} "

    answer = visitor.post("/sign-in/code", {"code": spaced})

    assert answer.location == "/t/acme/members"
    assert visitor.get("/account").status_code == 200
    assert visitor.get("/sign-in/code").location == "/"


@pytest.mark.parametrize(("steps_ahead", "status"), [(-3, 422), (-1, 303), (1, 303), (3, 422)])
def test_clock_may_be_half_a_minute_off(
    people: People, phone: Phone, after_password: Visitor, steps_ahead: int, status: int
) -> None:
    assert (
        after_password.post("/sign-in/code", {"code": phone.code(steps_ahead=steps_ahead)}).status_code
        == status
    )


def test_code_works_once(people: People, page: Page, phone: Phone, after_password: Visitor) -> None:
    code = phone.code()
    assert after_password.post("/sign-in/code", {"code": code}).status_code == 303
    other = people.anybody()
    other.sign_in("alice@example.com")

    refused = page.read(other.post("/sign-in/code", {"code": code}))
    earlier = other.post("/sign-in/code", {"code": phone.code(steps_ahead=-1)})

    assert refused.status == 422
    assert "was used already" in refused.error_of("code")
    assert earlier.status_code == 422, "nor does one from before it"
    assert other.get("/account").status_code == 303


def test_code_for_turning_on_does_not_sign_in(people: People, page: Page, visitor: Visitor) -> None:
    secret = secret_on(page.get("/account/second-factor", people.alice))
    code = pyotp.TOTP(secret).now()
    people.alice.post("/account/second-factor", {"code": code, "current_password": PASSWORD})
    visitor.sign_in("alice@example.com")

    assert visitor.post("/sign-in/code", {"code": code}).status_code == 422


@pytest.mark.postgresql
def test_of_two_sign_ins_with_one_code_one_passes(people: People, phone: Phone) -> None:
    code = phone.code()

    statuses = _at_once(people, lambda visitor: visitor.post("/sign-in/code", {"code": code}))

    assert sorted(statuses) == [303, 422, 422, 422]


@pytest.mark.postgresql
def test_of_two_sign_ins_with_one_recovery_code_one_passes(people: People, phone: Phone) -> None:
    code = phone.recovery_codes[0]

    statuses = _at_once(people, lambda visitor: visitor.post("/sign-in/recovery-code", {"code": code}))

    assert sorted(statuses) == [303, 422, 422, 422]


def test_recovery_code_signs_in_once_however_typed(
    people: People, page: Page, phone: Phone, after_password: Visitor
) -> None:
    typed = phone.recovery_codes[3].upper().replace("-", " ").replace("0", "O").replace("1", "l")
    assert page.get("/sign-in/recovery-code", after_password).by_id("code").get("inputmode") is None

    answer = after_password.post("/sign-in/recovery-code", {"code": typed})

    assert answer.location == "/account/second-factor"
    assert page.get("/account/second-factor", after_password).has_text("9 of 10 codes left")
    other = people.anybody()
    other.sign_in("alice@example.com")
    refused = page.read(other.post("/sign-in/recovery-code", {"code": phone.recovery_codes[3]}))
    assert "none of your recovery codes, or it was used already" in refused.error_of("code")


def test_second_step_ends_after_five_minutes(
    people: People, phone: Phone, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as past:
        past.setattr(clock, "epoch_s", lambda: time.time() - 301)
        past.setattr(TimedSigner, "get_timestamp", lambda _self: int(time.time()))
        visitor.sign_in("alice@example.com")

    assert visitor.get("/sign-in/code").location == "/sign-in"
    visitor.sign_in("alice@example.com")
    assert visitor.get("/sign-in/code").status_code == 200


def test_second_step_without_the_first_leads_to_sign_in(
    people: People, phone: Phone, visitor: Visitor
) -> None:
    assert visitor.get("/sign-in/code").location == "/sign-in"
    assert visitor.post("/sign-in/code", {"code": phone.code()}).location == "/sign-in"
    assert visitor.get("/account").status_code == 303


def test_second_step_counts_no_more_once_the_password_changed(
    people: People, phone: Phone, after_password: Visitor
) -> None:
    people.alice.post(
        "/account/password",
        {"password-current_password": PASSWORD, "password-new_password": "seven brown herons"},
    )

    assert after_password.post("/sign-in/code", {"code": phone.code()}).location == "/sign-in"
    assert after_password.get("/account").status_code == 303


def test_guessing_codes_is_throttled_wherever_it_comes_from(
    people: People, page: Page, phone: Phone, after_password: Visitor
) -> None:
    for _ in range(10):
        assert after_password.post("/sign-in/code", {"code": "000000"}).status_code == 422

    other = people.anybody()
    other.sign_in("alice@example.com")
    refused = other.post("/sign-in/code", {"code": phone.code()})

    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 900
    assert page.read(refused).has_text("Too many tries")


def test_reset_of_the_password_asks_for_the_code(
    app: Flask, people: People, phone: Phone, visitor: Visitor
) -> None:
    with app.app_context():
        path = "/reset-password/" + reset_token(db.session.get_one(User, people.alice.id))
        db.session.remove()

    assert visitor.post(path, {"password": "seven brown herons"}).location == "/sign-in/code"

    assert visitor.get("/account").status_code == 303
    assert visitor.post("/sign-in/code", {"code": phone.code()}).status_code == 303
    assert visitor.get("/account").status_code == 200


@pytest.mark.parametrize("with_recovery_code", [False, True])
def test_turning_off_needs_password_and_code(
    people: People, page: Page, phone: Phone, with_recovery_code: bool
) -> None:
    code = phone.recovery_codes[0] if with_recovery_code else phone.code()
    path = "/account/second-factor/disable"
    assert page.get(path, people.alice).has_text("Turn off the second factor of alice@example.com?")
    without = page.read(people.alice.post(path, {"code": "000000", "current_password": PASSWORD}))
    wrong = page.read(people.alice.post(path, {"code": code, "current_password": "wrong one"}))

    answer = people.alice.post(path, {"code": code, "current_password": PASSWORD})

    assert "This code is wrong" in without.error_of("code")
    assert "not your password" in wrong.error_of("current_password")
    assert answer.location == "/account"
    assert people.anybody().sign_in("alice@example.com").location == "/"
    assert page.get("/account/second-factor", people.alice).has_text("Scan this")


def test_new_recovery_codes_replace_the_old(
    app: Flask, people: People, page: Page, phone: Phone, after_password: Visitor
) -> None:
    path = "/account/second-factor/renew-codes"
    page.get(path, people.alice)

    people.alice.post(path, {"code": phone.code(), "current_password": PASSWORD})

    shown = page.get("/account/second-factor", people.alice)
    new = [shown.text(item) for item in shown.by_id("recovery-codes")]
    assert len(new) == 10
    assert not set(new) & set(phone.recovery_codes)
    assert after_password.post("/sign-in/recovery-code", {"code": phone.recovery_codes[0]}).status_code == 422
    assert after_password.post("/sign-in/recovery-code", {"code": new[0]}).status_code == 303


def test_turning_on_twice_keeps_the_first(people: People, phone: Phone, page: Page) -> None:
    answer = people.alice.post("/account/second-factor", {"code": phone.code(), "current_password": PASSWORD})

    assert answer.status_code in (303, 422)
    assert page.get("/account/second-factor", people.alice).has_text("10 of 10 codes left")


def test_operator_can_turn_it_off(app: Flask, people: People, phone: Phone) -> None:
    runner = app.test_cli_runner()

    done = runner.invoke(args=["accounts", "disable-second-factor", "Alice@example.com"])
    again = runner.invoke(args=["accounts", "disable-second-factor", "alice@example.com"])
    nobody = runner.invoke(args=["accounts", "disable-second-factor", "nobody@example.com"])

    assert done.exit_code == 0, done.output
    assert people.anybody().sign_in("alice@example.com").location == "/"
    assert "has no second factor" in again.output
    assert "There is no account" in nobody.output
    assert again.exit_code == nobody.exit_code == 1


def test_unreadable_secret_leaves_the_recovery_codes(
    app: Flask, people: People, page: Page, phone: Phone, after_password: Visitor
) -> None:
    with app.app_context():
        db.session.execute(update(User).values(totp_secret_sealed="v1.00000000.AAAA"))
        db.session.commit()

    refused = page.read(after_password.post("/sign-in/code", {"code": phone.code()}))

    assert refused.status == 503
    assert refused.has_text("Use a recovery code")
    assert after_password.post("/sign-in/recovery-code", {"code": phone.recovery_codes[0]}).status_code == 303


def test_audit_trail_records_the_second_factor(
    app: Flask, people: People, phone: Phone, after_password: Visitor
) -> None:
    after_password.post("/sign-in/code", {"code": "000000"})
    after_password.post("/sign-in/recovery-code", {"code": phone.recovery_codes[0]})
    people.alice.post("/account/second-factor/disable", {"code": phone.code(), "current_password": PASSWORD})

    with app.app_context():
        told = db.session.execute(select(AuditEntry.action, AuditEntry.detail).order_by(AuditEntry.id)).all()
        everything = str(db.session.scalars(select(AuditEntry.changes)).all())
        db.session.remove()
    actions = [action for action, _ in told]
    assert actions == [
        "user.signed_in",
        "user.second_factor_enabled",
        "user.sign_in_failed",
        "user.recovery_code_used",
        "user.signed_in",
        "user.second_factor_disabled",
    ]
    assert told[4].detail == "Signed in with the password and a recovery code."
    assert phone.secret not in everything


@pytest.mark.parametrize("text", ["", "12345", "1234567", "１２３４５６", "12345a", "\x00" * 6])
def test_what_is_no_code_belongs_to_no_step(text: str) -> None:
    assert codes.step_of(text, codes.new_secret(), at=clock.now()) is None


def test_codes_are_those_of_the_rfc() -> None:
    """RFC 6238, appendix B: the last six digits of the SHA-1 values."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        at = datetime.fromtimestamp(seconds, UTC)
        assert codes.step_of(code, secret, at=at) == seconds // 30


def _at_once(people: People, post: Callable[[Visitor], TestResponse]) -> list[int]:
    """Return the answers to four browsers that send the same code at the same moment."""
    visitors = [people.anybody() for _ in range(4)]
    for visitor in visitors:
        assert visitor.sign_in("alice@example.com").location == "/sign-in/code"
    barrier = Barrier(len(visitors))

    def send(visitor: Visitor) -> int:
        barrier.wait()
        return post(visitor).status_code

    with ThreadPoolExecutor(len(visitors)) as pool:
        return list(pool.map(send, visitors))
