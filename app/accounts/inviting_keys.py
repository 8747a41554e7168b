"""Whether the API key that made an invitation may still invite: a check that the feature of keys provides."""

from collections.abc import Callable

from flask import Flask

from app.extensions import AppSlot

#: Called with the team's id and the key's.
Check = Callable[[str, str], bool]
_check = AppSlot[Check]("inviting_keys")


def provide(app: Flask, check: Check) -> None:
    """Register `check`, which returns whether a key may invite."""
    _check.put(app, check)


def may_invite(team_id: str, key_id: str) -> bool:
    """Return whether the key works and may invite now; False where no check is registered."""
    check = _check.find()
    return check is not None and check(team_id, key_id)
