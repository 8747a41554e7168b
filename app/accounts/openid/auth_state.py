"""Visits to the provider under way: kept in Redis for ten minutes, for one browser, and taken once.

They hold the PKCE verifier and the nonce, which is why they do not travel in the cookie.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from typing import cast

from flask import session
from redis.exceptions import RedisError

from app.accounts.openid.contract import Authorization
from app.extensions import redis_client
from app.lib.errors import Unavailable

VALID_S = 600
#: Session key: what ties visits to this browser.
_BROWSER = "openid_browser"


@dataclass(frozen=True, slots=True)
class AuthState:
    """Why somebody was sent to the provider, and what proves that it is them who comes back.

    `purpose`: sign_in; link, to the account `user_id`; join, with the `invitation` of this token.
    """

    purpose: str
    nonce: str
    verifier: str
    browser: str
    next_path: str | None = None
    user_id: str | None = None
    invitation: str | None = None


def keep(
    authorization: Authorization,
    *,
    purpose: str,
    next_path: str | None = None,
    user_id: str | None = None,
    invitation: str | None = None,
) -> None:
    """Remember a pending of this browser. Raises Unavailable while Redis does not answer."""
    browser = session.setdefault(_BROWSER, secrets.token_urlsafe(24))
    pending = AuthState(
        purpose, authorization.nonce, authorization.verifier, _digest(browser), next_path, user_id, invitation
    )
    try:
        redis_client().set(_key(authorization.state), json.dumps(asdict(pending)), ex=VALID_S)
    except RedisError as error:
        raise _no_redis() from error


def take(state: str) -> AuthState | None:
    """Return the pending of this state and forget it: of several who ask for it at once, one gets it.

    None when there is none (any more), or it began in another browser. Raises Unavailable.
    """
    try:
        kept = cast(bytes | None, redis_client().getdel(_key(state)))
    except RedisError as error:
        raise _no_redis() from error
    if kept is None:
        return None
    pending = AuthState(**json.loads(kept))
    return pending if hmac.compare_digest(pending.browser, _digest(session.get(_BROWSER, ""))) else None


def _key(state: str) -> str:
    return f"signalbox:openid:{_digest(state)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _no_redis() -> Unavailable:
    return Unavailable("Redis does not answer, so this sign-in cannot be kept. Try again in a minute.")
