"""The tokens inside links. None of them is stored; what is signed here cannot be made without SECRET_KEY."""

import base64
import hashlib
import hmac
from typing import Any

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from app.accounts.models import User
from app.extensions import current_settings
from app.lib.timed_signer import TimedSigner

RESET_VALID_S = 3600
EMAIL_CHANGE_VALID_S = 86_400
SIGN_IN_VALID_S = 900
_FIRST_OWNER = "first owner"


def first_owner_token() -> str:
    """Return the token of the link that makes the first owner. It is valid while there is no user."""
    return str(URLSafeSerializer(_secret(), salt=_FIRST_OWNER).dumps(_FIRST_OWNER))


def is_first_owner_token(token: str) -> bool:
    """Return whether this installation made the token."""
    try:
        return bool(URLSafeSerializer(_secret(), salt=_FIRST_OWNER).loads(token) == _FIRST_OWNER)
    except BadData:
        return False


def reset_token(user: User) -> str:
    """Return a token that resets the user's password, once, within the hour."""
    return str(_resets().dumps([user.id, _state_of(user)]))


def read_reset_token(token: str) -> tuple[str, str] | None:
    """Return the user id and the state in a reset token; None when it is forged or too old."""
    try:
        content: Any = _resets().loads(token, max_age=RESET_VALID_S)
        user_id, state = content
    except (BadData, ValueError, TypeError):
        return None
    return str(user_id), str(state)


def email_token(user: User) -> str:
    """Return a token that gives the user their new address, once, within a day."""
    return str(_email_changes().dumps([user.id, user.new_email, _state_of(user)]))


def read_email_token(token: str) -> tuple[str, str, str] | None:
    """Return user id, new address and state in a token; None when it is forged or too old."""
    try:
        content: Any = _email_changes().loads(token, max_age=EMAIL_CHANGE_VALID_S)
        user_id, email, state = content
    except (BadData, ValueError, TypeError):
        return None
    return str(user_id), str(email), str(state)


def sign_in_token(user: User) -> str:
    """Return a token that signs the user in, once, within a quarter of an hour. Using one ends the others."""
    return str(_sign_ins().dumps([user.id, user.sign_in_link_version, _state_of(user)]))


def read_sign_in_token(token: str) -> tuple[str, int, str] | None:
    """Return user id, version of links and state in a token; None when it is forged or too old."""
    try:
        content: Any = _sign_ins().loads(token, max_age=SIGN_IN_VALID_S)
        user_id, version, state = content
        return str(user_id), int(version), str(state)
    except (BadData, ValueError, TypeError):
        return None


def device_token(devices: list[list[str]]) -> str:
    """Return the content of the cookie by which a browser is known: (user id, device id, state) of each account."""
    return str(_devices().dumps(devices))


def read_device_token(token: str, *, max_age_s: int) -> list[list[str]]:
    """Return the content of the cookie of a known browser; nothing when it is forged or too old."""
    try:
        content: Any = _devices().loads(token, max_age=max_age_s)
        return [[str(part) for part in (user_id, device_id, state)] for user_id, device_id, state in content]
    except (BadData, ValueError, TypeError):
        return []


def device_state_of(user: User) -> str:
    """Return the state that a known browser is bound to: a new password makes all of them unknown."""
    return hashlib.sha256(f"device {user.id} {user.password_hash}".encode()).hexdigest()[:32]


def is_unused_for(user: User, state: str) -> bool:
    """Return whether the user's password and sessions are still those for which the token was made."""
    return hmac.compare_digest(_state_of(user), state)


def invitation_token(invitation_id: str) -> str:
    """Return the token of an invitation's link.

    Made from the id, so that the job that mails the link needs no secret in its arguments.
    """
    mac = hmac.digest(_secret().encode(), f"invitation {invitation_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def digest_of(token: str) -> str:
    """Return what is stored of an invitation's token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def _resets() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(_secret(), salt="password reset", signer=TimedSigner)


def _email_changes() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(_secret(), salt="email change", signer=TimedSigner)


def _sign_ins() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(_secret(), salt="sign-in link", signer=TimedSigner)


def _devices() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(_secret(), salt="known device", signer=TimedSigner)


def _state_of(user: User) -> str:
    state = f"{user.password_hash} {user.session_version} {user.email}"
    return hashlib.sha256(state.encode()).hexdigest()[:32]


def _secret() -> str:
    return current_settings().secret_key
