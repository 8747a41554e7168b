"""Secrets that are shown exactly once, on the page after the one that made them.

The secret waits in Redis, sealed, under the digest of a random token; the browser's session holds the token. Taking the
secret removes it, so a copy of the cookie shows nothing. It is bound to the user and to what it is about.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import structlog
from flask import request, session
from flask_login import current_user
from redis.exceptions import RedisError
from werkzeug.wrappers import Response

from app.extensions import redis_client, sealer
from app.lib.sealed import CannotOpen
from app.web.rendering import redirect_after, render_after

log = structlog.get_logger()

#: How long a secret waits for its page.
KEPT_S = 600
_SLOT = "shown_once"
_TABLE, _COLUMN = "shown_once", "secret"


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """A secret for its page: `value`, once. `is_delayed`: it is stored, but Redis does not answer just now."""

    value: str | None = None
    is_delayed: bool = False


NOTHING = ShownSecret()


def lead_to_secret(
    about_id: str, secret: str, *, url: str, page: Callable[[ShownSecret], Response]
) -> Response:
    """Return a redirect after a request that made `secret`: to `url`, whose view takes it with `take_once()`.

    When Redis cannot store it, `page` renders the page of `url` as the direct answer to the form: else the only copy
    of the secret would be lost.
    """
    if _keep(about_id, secret):
        return redirect_after(url)
    return render_after(page(ShownSecret(secret)), url)


def take_once(about_id: str) -> ShownSecret:
    """Remove the secret for the page about `about_id` and return it, if any."""
    kept = session.get(_SLOT)
    if not kept or kept[0] != about_id or request.method != "GET":
        return NOTHING
    row_id = _digest(kept[1], about_id)
    try:
        sealed = cast(bytes | None, redis_client().getdel(_name(row_id)))
    except RedisError as error:
        log.warning("secret_not_taken", about_id=about_id, reason=str(error))
        return ShownSecret(is_delayed=True)
    del session[_SLOT]
    if sealed is None:
        return NOTHING
    try:
        opened = sealer().open(sealed.decode(), table=_TABLE, column=_COLUMN, row_id=row_id)
    except CannotOpen as error:
        log.warning("secret_not_shown", about_id=about_id, reason=str(error))
        return NOTHING
    return ShownSecret(opened.decode())


def _keep(about_id: str, secret: str) -> bool:
    """Store the secret for its page; returns whether that worked."""
    token = secrets.token_urlsafe(32)
    row_id = _digest(token, about_id)
    sealed = sealer().seal(secret.encode(), table=_TABLE, column=_COLUMN, row_id=row_id)
    try:
        redis_client().set(_name(row_id), sealed, ex=KEPT_S)
    except RedisError as error:
        log.warning("secret_not_kept", about_id=about_id, reason=str(error))
        return False
    session[_SLOT] = [about_id, token]
    return True


def _digest(token: str, about_id: str) -> str:
    """Return the Redis key of a secret, which differs with the token, the user and the object."""
    return hashlib.sha256(f"{token}\x00{current_user.id}\x00{about_id}".encode()).hexdigest()


def _name(row_id: str) -> str:
    return f"signalbox:once:{row_id}"
