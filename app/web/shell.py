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
from app.extensions import current_settings
from app.web.access import CurrentTeam, find_principal, wants_json

THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"


@dataclass(frozen=True, slots=True)
class NavItem:
    """A link of the side navigation; shown to those who have `permission`."""

    label: str
    endpoint: str
    icon: str
    permission: str


@dataclass(frozen=True, slots=True)
class NavSection:
    """A titled group of links; an empty label shows no title."""

    label: str
    items: tuple[NavItem, ...]


@dataclass(frozen=True, slots=True)
class ShownLink:
    label: str
    href: str
    icon: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class ShownSection:
    label: str
    items: list[ShownLink]


@dataclass(slots=True)
class Shell:
    """The context of `layouts/`."""

    user: object | None
    team: CurrentTeam | None
    teams: Sequence[CurrentTeam]
    nav: list[ShownSection]
    theme: str
    version: str
    environment: str
    toasts: list[tuple[str, str]] = field(default_factory=list)


#: Returns the teams of a user id, by name.
TeamsLoader = Callable[[str], Sequence[CurrentTeam]]


def init_shell(app: Flask, *, nav: Sequence[NavSection], load_teams: TeamsLoader) -> None:
    """Give every template `shell` and `asset()`."""

    def shell() -> dict[str, object]:
        if wants_json():
            return {}
        user = current_user if current_user.is_authenticated else None
        return {
            "shell": Shell(
                user=user,
                team=g.get("team"),
                teams=load_teams(user.id) if user else (),
                nav=_shown(nav),
                theme=theme(),
                version=__version__,
                environment=current_settings().app_env.value,
                toasts=cast(list[tuple[str, str]], get_flashed_messages(with_categories=True)),
            )
        }

    app.context_processor(shell)
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["may"] = may


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


def _shown(nav: Sequence[NavSection]) -> list[ShownSection]:
    caller = find_principal()
    if caller is None:
        return []
    active = _active_endpoint(nav)
    sections = []
    for section in nav:
        links = [
            ShownLink(item.label, url_for(item.endpoint), item.icon, is_active=item.endpoint == active)
            for item in section.items
            if caller.may(item.permission)
        ]
        if links:
            sections.append(ShownSection(section.label, links))
    return sections


def _active_endpoint(nav: Sequence[NavSection]) -> str | None:
    """Return the link that the page belongs to: its own, else the first of its blueprint."""
    endpoints = [item.endpoint for section in nav for item in section.items]
    if request.endpoint in endpoints:
        return request.endpoint
    return next((endpoint for endpoint in endpoints if endpoint.partition(".")[0] == request.blueprint), None)
