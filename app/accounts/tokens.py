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
_FIRST_OWNER = "first owner"


def first_owner_token() -> str:
    """Return the token of the link that makes the first owner. Whether it still counts decides the user table."""
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


def _state_of(user: User) -> str:
    state = f"{user.password_hash} {user.session_version} {user.email}"
    return hashlib.sha256(state.encode()).hexdigest()[:32]


def _secret() -> str:
    return current_settings().secret_key
