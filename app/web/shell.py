"""What the layouts need around every page: navigation, team switcher, theme, toasts."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import cast

from flask import Flask, g, get_flashed_messages, request, url_for
from flask_login import current_user

from app import __version__
from app.extensions import AppSlot, current_settings
from app.web.access import CurrentTeam, find_principal
from app.web.features import NavigationEntry
from app.web.forms.tokens import new_token
from app.web.navigation import Navigation, ShownNavigation
from app.web.schemes import wants_json

THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"


@dataclass(slots=True)
class Shell:
    """The context of `layouts/`."""

    user: object | None
    team: CurrentTeam | None
    teams: Sequence[CurrentTeam]
    navigation: ShownNavigation
    theme: str
    version: str
    environment: str
    toasts: list[tuple[str, str]] = field(default_factory=list)


#: Returns the teams of a user id, by name.
TeamsLoader = Callable[[str], Sequence[CurrentTeam]]
_load_teams = AppSlot[TeamsLoader]("teams_loader")


def provide_teams(app: Flask, load: TeamsLoader) -> None:
    """Register `load`, which finds the teams of a signed-in user."""
    _load_teams.put(app, load)


def init_shell(app: Flask, entries: Sequence[NavigationEntry]) -> None:
    """Give every template `shell`, `asset()` and `may()`. Raises ValueError for entries that do not fit together."""
    navigation = Navigation(entries)
    navigation.check(app)

    def shell() -> dict[str, object]:
        if wants_json():
            return {}
        user = current_user if current_user.is_authenticated else None
        return {
            "shell": Shell(
                user=user,
                team=g.get("team"),
                teams=_load_teams.get()(user.id) if user else (),
                navigation=navigation.shown(),
                theme=theme(),
                version=__version__,
                environment=current_settings().app_env.value,
                toasts=cast(list[tuple[str, str]], get_flashed_messages(with_categories=True)),
            )
        }

    app.context_processor(shell)
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["may"] = may
    app.jinja_env.globals["form_token"] = new_token


def may(permission: str) -> bool:
    """Return whether the caller has the permission: templates hide what would be refused."""
    caller = find_principal()
    return caller is not None and caller.may(permission)


def theme() -> str:
    """Return the theme of the visitor's cookie: system, light or dark."""
    chosen = request.cookies.get(THEME_COOKIE, "system")
    return chosen if chosen in THEMES else "system"


def asset(path: str) -> str:
    """Return the address of a static file, with its digest so that it can be cached for ever."""
    return url_for("static", filename=path, v=_digest(path))


@lru_cache(maxsize=256)
def _digest(path: str) -> str:
    file = Path(__file__).resolve().parent.parent.parent / "static" / path
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
