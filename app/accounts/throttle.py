"""Limits guesses of passwords and codes, and other requests that need no sign-in.

A try to sign in is counted before the slow check, so that tries sent at the same moment cannot all pass; the
right password takes it back. An IPv6 address counts as its /64. A browser in which somebody signed in before (see
`known_devices`) is counted separately, so that guesses of others do not lock the owner of an account out.

Counts live in Redis, and hold for any quarter of an hour, not only from its first try. While Redis is away each process counts for itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from flask import request

from app.accounts import tokens
from app.extensions import current_settings
from app.web.limits import Policy, counters, subject_of_address, take_or_refuse

log = structlog.get_logger()

WINDOW_S = 900
#: Wrong tries within a window: at one account from one address, at one account from everywhere, from one address at
#: all accounts, and at one account in a browser in which it was signed in to before.
TRIES_AT_ACCOUNT_PER_ADDRESS = 10
TRIES_AT_ACCOUNT = 20
TRIES_PER_ADDRESS = 30
TRIES_PER_KNOWN_DEVICE = 10
#: Replaces the first three while there are more wrong passwords than typing errors explain.
TRIES_UNDER_ATTACK = 3

_PER_ACCOUNT, _PER_ADDRESS, _MAILS, _MAILS_PER_ADDRESS = 10, 100, 5, 30
#: Counted, never refused.
_NO_LIMIT = 2**31
_FROM_ANYWHERE = "all"


@dataclass(frozen=True, slots=True)
class SignInTry:
    """A counted try to sign in. The right password clears some of its counts and takes it out of the others."""

    cleared: Sequence[Policy]
    taken_back: Sequence[Policy]


def count_sign_in(email: str, *, device_id: str | None) -> SignInTry:
    """Count a try to sign in. Raises RateLimited before a password is looked at, whether there is an account or not.

    `device_id`: the browser, if this account was signed in to in it before.
    """
    account = _hashed(email)
    if device_id is not None:
        own = [_policy("sign-in-device", f"{device_id}:{account}", TRIES_PER_KNOWN_DEVICE)]
        take_or_refuse(own, _OR_A_LINK)
        return SignInTry(cleared=own, taken_back=())
    # A window: of a flood of guesses from everywhere only the number matters, not the time of each.
    address, everybody = _address(), Policy("sign-ins", _FROM_ANYWHERE, _NO_LIMIT, WINDOW_S)
    limits = [
        _policy("sign-in", f"{address}:{account}", TRIES_AT_ACCOUNT_PER_ADDRESS),
        _policy("sign-in-account", account, TRIES_AT_ACCOUNT),
        _policy("sign-in-address", address, TRIES_PER_ADDRESS),
    ]
    if _is_under_attack(everybody):
        limits = [replace(limit, quota=min(limit.quota, TRIES_UNDER_ATTACK)) for limit in limits]
    take_or_refuse([*limits, everybody], _OR_A_LINK)
    return SignInTry(cleared=limits[:1], taken_back=[*limits[1:], everybody])


def sign_in_succeeded(counted: SignInTry) -> None:
    """Clear the tries before the right password; those of others at this account stay counted."""
    counters().clear(counted.cleared)
    if counted.taken_back:
        counters().take_back(counted.taken_back)


def count_reset_request(email: str) -> None:
    """Count a request for a reset mail. Raises RateLimited, so that no mailbox can be flooded."""
    take_or_refuse(
        [_policy("reset-address", _address(), _MAILS_PER_ADDRESS), _policy("reset", _hashed(email), _MAILS)]
    )


def count_link_request(email: str) -> None:
    """Count a request for a mailed sign-in link. Raises RateLimited, so that no mailbox can be flooded."""
    take_or_refuse(
        [
            _policy("sign-in-link-address", _address(), _MAILS_PER_ADDRESS),
            _policy("sign-in-link", _hashed(email), _MAILS),
        ],
        "The links that were mailed before work until they are used or too old. For a new one, try again {when}.",
    )


def count_password_check(user_id: str) -> None:
    """Count a try to confirm with the current password. Raises RateLimited: a stolen session must not guess it."""
    take_or_refuse([_policy("password-check", user_id, _PER_ACCOUNT)])


def count_code(user_id: str, *, device_id: str | None) -> Policy:
    """Count a try of the second step, whatever address it comes from, and return its policy. Raises RateLimited.

    Whoever gets this far has the password, or the mailbox. In a browser in which the user signed in before
    (`device_id`) it is counted apart.
    """
    counted = _policy("code", f"{device_id}:{user_id}" if device_id else user_id, _PER_ACCOUNT)
    take_or_refuse([counted])
    return counted


def code_was_wrong() -> None:
    """Count a wrong code against the visitor's address, as a wrong password is."""
    counters().take([_policy("sign-in-address", _address(), TRIES_PER_ADDRESS)])


def code_was_right(counted: Policy) -> None:
    """Clear the tries before the right code."""
    counters().clear([counted])


def count_openid() -> None:
    """Count a redirect to the OpenID provider. Raises RateLimited: each can cost requests to it."""
    take_or_refuse([_policy("openid", _address(), _PER_ADDRESS)])


def count_sign_up() -> None:
    """Count a try to sign up. Raises RateLimited: each costs a slow hash."""
    take_or_refuse([_policy("sign-up", _address(), _PER_ADDRESS)])


_OR_A_LINK = "Too many tries. Try again {when}, or have a sign-in link mailed to you."


def _is_under_attack(everybody: Policy) -> bool:
    """Return whether more wrong passwords came in lately than people mistype. Logged once, when it begins."""
    tries_max = current_settings().sign_in_failures_max
    used = counters().peek([everybody])[0].used
    if used >= tries_max:
        # A limit of zero: it only serves to find the first refusal of a window.
        _, is_first = counters().take([Policy("sign-ins-told", _FROM_ANYWHERE, 0, WINDOW_S)])
        if is_first:
            log.warning("sign_in_under_attack", wrong_tries=used, window_s=WINDOW_S)
    return used >= tries_max


def _policy(name: str, subject: str, quota: int) -> Policy:
    return Policy(name, subject, quota, WINDOW_S, is_sliding=True)


def _address() -> str:
    return subject_of_address(request.remote_addr)


def _hashed(email: str) -> str:
    """Return the hash that stands for an address in Redis, which should hold no personal data."""
    return tokens.digest_of(email.strip().lower())[:32]
