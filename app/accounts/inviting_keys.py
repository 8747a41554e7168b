"""Whether the API key that made an invitation may still invite. Keys belong to a feature above: `wiring` provides it."""

from collections.abc import Callable
from typing import cast

from flask import Flask, current_app

#: Called with the team's id and the key's.
Check = Callable[[str, str], bool]
_KEY = "signalbox.inviting_keys"


def provide(app: Flask, check: Check) -> None:
    """Let `check` say whether a key may invite."""
    app.extensions[_KEY] = check


def may_invite(team_id: str, key_id: str) -> bool:
    """Return whether the key works and may invite now; False where nobody can tell."""
    check = cast(Check | None, current_app.extensions.get(_KEY))
    return check is not None and check(team_id, key_id)
