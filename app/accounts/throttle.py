"""Slows down guessing: of one account's password from one address, and of many from one address.

Counts live in Redis through Flask-Limiter. While Redis is down each process counts for itself.
"""

import math
import time
from collections.abc import Callable
from typing import TypeVar

from flask import request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, RateLimiter
from redis.exceptions import RedisError

from app.accounts import tokens
from app.extensions import limiter
from app.lib.errors import RateLimited

T = TypeVar("T")

_MINUTES = 15
_PER_ACCOUNT = RateLimitItemPerMinute(10, _MINUTES)
_PER_ADDRESS = RateLimitItemPerMinute(100, _MINUTES)
_MAILS = RateLimitItemPerMinute(5, _MINUTES)
_MAILS_PER_ADDRESS = RateLimitItemPerMinute(30, _MINUTES)
_own_count = FixedWindowRateLimiter(MemoryStorage())


def count_sign_in(email: str) -> None:
    """Count a try to sign in. Raises RateLimited before a password is looked at."""
    address = _remote_address()
    # Wrong tries only: a company behind one address signs in more often than that.
    _refuse_if_full(_PER_ADDRESS, "sign-in-failures", address)
    # Counted before the slow check: tries sent at the same moment cannot all slip through.
    _hit(_PER_ACCOUNT, "sign-in", address, _hashed(email))


def sign_in_failed() -> None:
    """Count a wrong password against the visitor's address."""
    _call(lambda strategy: strategy.hit(_PER_ADDRESS, "sign-in-failures", _remote_address()))


def sign_in_succeeded(email: str) -> None:
    """Forget the tries before the right password."""
    _call(lambda strategy: strategy.clear(_PER_ACCOUNT, "sign-in", _remote_address(), _hashed(email)))


def count_reset_request(email: str) -> None:
    """Count a request for a reset mail. Raises RateLimited: nobody's mailbox is to be filled."""
    _hit(_MAILS_PER_ADDRESS, "reset-address", _remote_address())
    _hit(_MAILS, "reset", _hashed(email))


def count_password_check(user_id: str) -> None:
    """Count a try to confirm with the current password. Raises RateLimited: a stolen session must not guess it."""
    _hit(_PER_ACCOUNT, "password-check", user_id)


def count_code(user_id: str) -> None:
    """Count a try of the second step. Raises RateLimited, whatever address it comes from: the password is known."""
    _refuse_if_full(_PER_ADDRESS, "sign-in-failures", _remote_address())
    _hit(_PER_ACCOUNT, "code", user_id)


def code_was_right(user_id: str) -> None:
    """Forget the tries before the right code."""
    _call(lambda strategy: strategy.clear(_PER_ACCOUNT, "code", user_id))


def count_openid() -> None:
    """Count a visit to the OpenID provider. Raises RateLimited: each can cost requests to it."""
    _hit(_PER_ADDRESS, "openid", _remote_address())


def count_sign_up() -> None:
    """Count a try to sign up. Raises RateLimited: each costs a slow hash."""
    _hit(_PER_ADDRESS, "sign-up", _remote_address())


def _hit(item: RateLimitItem, *identifiers: str) -> None:
    if not _call(lambda strategy: strategy.hit(item, *identifiers)):
        raise _limited(item, *identifiers)


def _refuse_if_full(item: RateLimitItem, *identifiers: str) -> None:
    if not _call(lambda strategy: strategy.test(item, *identifiers)):
        raise _limited(item, *identifiers)


def _limited(item: RateLimitItem, *identifiers: str) -> RateLimited:
    resets_at = _call(lambda strategy: strategy.get_window_stats(item, *identifiers).reset_time)
    wait_s = max(1, math.ceil(resets_at - time.time()))
    minutes = math.ceil(wait_s / 60)
    when = f"in {minutes} minutes" if minutes > 1 else f"in {wait_s} seconds"
    return RateLimited(f"Too many tries. Try again {when}.", retry_after_s=wait_s)


def _call(ask: Callable[[RateLimiter], T]) -> T:
    try:
        return ask(limiter.limiter)
    except (RedisError, StorageError):
        return ask(_own_count)


def _remote_address() -> str:
    return request.remote_addr or "unknown"


def _hashed(email: str) -> str:
    """Return what stands for an address in Redis, where addresses of people have no business."""
    return tokens.digest_of(email.strip().lower())[:32]
