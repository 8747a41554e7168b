"""Pending authorizations: stored in Redis for ten minutes, for one browser, and used once.

They hold the PKCE verifier and the nonce, so they are not in the cookie.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import cast

from flask import session
from redis.exceptions import RedisError

from app.extensions import redis_client
from app.lib.errors import Unavailable
from app.oauth.contract import Authorization

VALID_S = 600
#: Session key: what ties authorizations to this browser.
_BROWSER = "oauth_browser"


@dataclass(frozen=True, slots=True)
class PendingAuthorization:
    """Why a user was sent to a provider, and what proves that the same user comes back."""

    provider: str
    #: What the callback is to do, named by the feature that began.
    purpose: str
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    #: Digest of what the browser's session holds; empty: a program began it.
    browser: str = field(repr=False)
    #: The user (or API key) and team that must be the same when it comes back. None where it does not matter.
    user_id: str | None = None
    team_id: str | None = None
    details: Mapping[str, str] = field(default_factory=dict, repr=False)


def keep(
    authorization: Authorization,
    *,
    provider: str,
    purpose: str,
    user_id: str | None = None,
    team_id: str | None = None,
    details: Mapping[str, str] | None = None,
    is_of_browser: bool = True,
) -> None:
    """Store an authorization that this browser begins; not `is_of_browser`: that a program begins for any browser.

    Raises Unavailable while Redis does not answer.
    """
    browser = session.setdefault(_BROWSER, secrets.token_urlsafe(24)) if is_of_browser else ""
    pending = PendingAuthorization(
        provider,
        purpose,
        authorization.verifier,
        authorization.nonce,
        _digest(browser) if is_of_browser else "",
        user_id,
        team_id,
        dict(details or {}),
    )
    try:
        redis_client().set(_key(authorization.state), json.dumps(asdict(pending)), ex=VALID_S)
    except RedisError as error:
        raise _no_redis() from error


def take(state: str, *, provider: str) -> PendingAuthorization | None:
    """Remove the authorization of this state and return it: of several concurrent requests, one gets it.

    None when there is none (any more), or it began in another browser or with another provider: each has a callback
    of its own, so that none can finish what another began (RFC 9700 §4.4). For one that a program began the caller
    checks by its purpose who may finish it. Raises Unavailable.
    """
    try:
        kept = cast(bytes | None, redis_client().getdel(_key(state)))
    except RedisError as error:
        raise _no_redis() from error
    if kept is None:
        return None
    pending = PendingAuthorization(**json.loads(kept))
    if pending.provider != provider:
        return None
    is_same_browser = hmac.compare_digest(pending.browser, _digest(session.get(_BROWSER, "")))
    return pending if is_same_browser or not pending.browser else None


def _key(state: str) -> str:
    return f"signalbox:oauth:{_digest(state)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _no_redis() -> Unavailable:
    return Unavailable("Redis does not answer, so nothing can be begun at a provider. Try again in a minute.")
