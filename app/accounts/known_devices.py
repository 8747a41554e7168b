"""Browsers in which somebody signed in before, told by a cookie of their own (OWASP calls it a device cookie).

It signs nobody in. It only has their tries counted apart from those of strangers, who could otherwise keep the owner
of an account out by guessing at it. Another password makes all browsers of the account strangers.
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
#: Of so many accounts a browser is known; the one used longest ago is forgotten first.
ACCOUNTS_MAX = 5


def remember_device(user_id: str) -> None:
    """Let the response of this request make the browser a known one of the user. Call it once they proved themselves."""
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
    # Only who has such a cookie waits for a query: nobody else can tell by the time who has an account.
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
