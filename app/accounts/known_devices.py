"""Browsers in which a user signed in before, recognised by a cookie of their own (a device cookie, in OWASP's term).

It signs nobody in. It only separates the count of their tries from that of unknown browsers, which could otherwise
lock the owner of an account out by guessing. A new password makes all browsers of the account unknown.
"""

import hmac

from flask import Response, after_this_request, request
from sqlalchemy import ColumnElement

from app.accounts import tokens
from app.accounts.models import User
from app.accounts.services.users import find_user
from app.extensions import current_settings
from app.lib.ids import new_id

COOKIE = "signalbox_devices"
VALID_S = 365 * 86_400
#: The number of accounts for which one browser is known; the least recently used one is dropped.
ACCOUNTS_MAX = 5


def mark_device_known(user_id: str) -> None:
    """Make the browser a known one of the user, with this response. Call it once the user is authenticated."""
    user = find_user(User.id == user_id)
    if user is None:
        return
    others = [device for device in _devices() if device[0] != user.id]
    devices = [[user.id, new_id("dev"), tokens.device_state_of(user)], *others][:ACCOUNTS_MAX]

    @after_this_request
    def keep(response: Response) -> Response:
        response.set_cookie(
            COOKIE,
            tokens.device_token(devices),
            max_age=VALID_S,
            httponly=True,
            samesite="Lax",
            secure=current_settings().public_url.startswith("https://"),
        )
        return response


def find_device(email: str) -> str | None:
    """Return the id of this browser if the account with this address was signed in to in it, else None."""
    email = email.strip().lower()
    # No account has such an address, and PostgreSQL refuses to look for a NUL.
    return _find(User.email == email) if email.isprintable() else None


def find_device_of(user_id: str) -> str | None:
    """Return the id of this browser if the user signed in in it before, else None."""
    return _find(User.id == user_id)


def _find(condition: ColumnElement[bool]) -> str | None:
    devices = _devices()
    # Only a browser with such a cookie causes a query: for others the time does not reveal who has an account.
    user = find_user(condition) if devices else None
    if user is None:
        return None
    state = tokens.device_state_of(user)
    return next(
        (
            device_id
            for user_id, device_id, known_state in devices
            if user_id == user.id and hmac.compare_digest(known_state, state)
        ),
        None,
    )


def _devices() -> list[list[str]]:
    return tokens.read_device_token(request.cookies.get(COOKIE, ""), max_age_s=VALID_S)
