"""The second factor: turned on and off by its owner, and asked for at sign-in. Every code works once."""

import structlog
from sqlalchemy import delete, or_, update

from app.accounts import codes
from app.accounts.models import RecoveryCode, User
from app.accounts.services.users import confirm_password, find_user
from app.accounts.trail import record_in_teams
from app.extensions import db, sealer
from app.lib import clock
from app.lib.errors import Conflict, Invalid, NotFound, Unavailable
from app.lib.sealed import CannotOpen

log = structlog.get_logger()

_PLACE = {"table": "users", "column": "totp_secret_sealed"}
_WRONG = (
    "This code is wrong, or it was used already. Wait for the next one, and check the clock of your device."
)
_WRONG_RECOVERY = "This is none of your recovery codes, or it was used already."


def enable(user_id: str, *, secret: str, password: str, code: str) -> list[str]:
    """Turn the second factor on and return the recovery codes, which are stored as digests only. Raises Invalid.

    The code proves that the authenticator app has the secret.
    """
    confirm_password(user_id, password)
    step = codes.step_of(code, secret, at=clock.now())
    if step is None:
        raise Invalid.field("code", _WRONG)
    enabled = db.session.execute(
        update(User)
        .where(User.id == user_id, User.totp_enabled_at.is_(None))
        .values(
            totp_secret_sealed=sealer().seal(secret.encode(), row_id=user_id, **_PLACE),
            totp_enabled_at=clock.now(),
            totp_last_step=step,
        )
        .returning(User.id)
    ).one_or_none()
    if enabled is None:
        db.session.rollback()
        raise Conflict("A second factor is on already. Turn it off first to use another app.")
    recovery_codes = _replace_recovery_codes(user_id)
    record_in_teams(user_id, "user.second_factor_enabled")
    db.session.commit()
    return recovery_codes


def use_code(user_id: str, code: str, *, session_version: int) -> str | None:
    """Use up a code of the app or a recovery code; returns which it was: totp or recovery_code.

    None when the first step is no longer valid: the password was changed since, or the second factor turned off. Of
    several who use one code at the same moment one succeeds. Raises Invalid, and records it as a failed sign-in.
    """
    user = find_user(User.id == user_id)
    if user is None or user.totp_enabled_at is None or user.session_version != session_version:
        return None
    method = _use_up(user, code)
    if method is None:
        db.session.rollback()
        record_in_teams(user_id, "user.sign_in_failed", detail="Wrong code.", is_claimed_only=True)
        db.session.commit()
        raise _wrong(code)
    db.session.commit()
    return method


def renew_recovery_codes(user_id: str, *, password: str, code: str) -> list[str]:
    """Replace the recovery codes, used or not, and return the new ones. Raises Invalid."""
    _confirm(user_id, password, code)
    recovery_codes = _replace_recovery_codes(user_id)
    record_in_teams(user_id, "user.recovery_codes_renewed")
    db.session.commit()
    return recovery_codes


def disable(user_id: str, *, password: str, code: str) -> None:
    """Turn the second factor off. Raises Invalid."""
    _confirm(user_id, password, code)
    _remove(user_id)
    record_in_teams(user_id, "user.second_factor_disabled")
    db.session.commit()


def disable_for(email: str) -> None:
    """Turn the second factor of this account off: the operator's way out. Raises NotFound, Conflict."""
    user = find_user(User.email == email.strip().lower())
    if user is None:
        raise NotFound(f"There is no account with the address {email}.")
    if user.totp_enabled_at is None:
        raise Conflict(f"The account {user.email} has no second factor.")
    _remove(user.id)
    record_in_teams(user.id, "user.second_factor_disabled", is_operator=True)
    db.session.commit()


def _confirm(user_id: str, password: str, code: str) -> None:
    """Check the password and use up the code in the open transaction. Raises Invalid, Conflict."""
    user = confirm_password(user_id, password)
    if user.totp_enabled_at is None:
        raise Conflict("There is no second factor any more. Go back to your account.")
    if _use_up(user, code) is None:
        db.session.rollback()
        raise _wrong(code)


def _use_up(user: User, code: str) -> str | None:
    """Use up the code in the open transaction and return its method; None when it is not valid (any more)."""
    if not codes.is_one_time_code(code):
        return "recovery_code" if _use_up_recovery_code(user.id, code) else None
    step = codes.step_of(code, _opened(user), at=clock.now())
    return "totp" if step is not None and _use_up_step(user, step) else None


def _use_up_step(user: User, step: int) -> bool:
    """Return whether the step could be used up: it is later than every used one, and the secret is unchanged."""
    spent = db.session.execute(
        update(User)
        .where(
            User.id == user.id,
            User.totp_enabled_at == user.totp_enabled_at,
            or_(User.totp_last_step.is_(None), User.totp_last_step < step),
        )
        .values(totp_last_step=step)
        .returning(User.id)
    )
    return spent.one_or_none() is not None


def _use_up_recovery_code(user_id: str, code: str) -> bool:
    digest = codes.digest_of_recovery_code(code)
    if digest is None:
        return False
    spent = db.session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user_id,
            RecoveryCode.code_digest == digest,
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=clock.now())
        .returning(RecoveryCode.user_id)
    )
    if spent.one_or_none() is None:
        return False
    record_in_teams(user_id, "user.recovery_code_used")
    return True


def _replace_recovery_codes(user_id: str) -> list[str]:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    made = codes.new_recovery_codes()
    digests = [codes.digest_of_recovery_code(code) for code in made]
    db.session.add_all([RecoveryCode(user_id=user_id, code_digest=digest) for digest in digests])
    return made


def _remove(user_id: str) -> None:
    db.session.execute(
        update(User)
        .where(User.id == user_id)
        .values(totp_secret_sealed=None, totp_enabled_at=None, totp_last_step=None)
    )
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))


def _opened(user: User) -> str:
    try:
        return sealer().open(str(user.totp_secret_sealed), row_id=user.id, **_PLACE).decode()
    except CannotOpen:
        log.exception("second_factor_unreadable", user_id=user.id)
        raise Unavailable(
            "The secret of your app cannot be read: the encryption key of this installation was changed. Use a"
            " recovery code, or ask its operator to turn your second factor off."
        ) from None


def _wrong(code: str) -> Invalid:
    return Invalid.field("code", _WRONG if codes.is_one_time_code(code) else _WRONG_RECOVERY)
