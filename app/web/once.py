"""Secrets that are shown exactly once, on the page after the one that made them.

They travel in the session cookie, sealed: the browser carries only ciphertext, and no server keeps them.
"""

from flask import session

from app.extensions import sealer
from app.lib.sealed import CannotOpen

_SLOT = "shown_once"


def show_once(about_id: str, secret: str) -> None:
    """Keep `secret` until the next page about `about_id` takes it."""
    session[_SLOT] = [about_id, sealer().seal(secret.encode(), table=_SLOT, column="secret", row_id=about_id)]


def take_once(about_id: str) -> str | None:
    """Return the secret kept for `about_id` and forget it; None when there is none (any more)."""
    kept = session.get(_SLOT)
    if not kept or kept[0] != about_id:
        return None
    del session[_SLOT]
    try:
        return sealer().open(kept[1], table=_SLOT, column="secret", row_id=about_id).decode()
    except CannotOpen:
        return None
