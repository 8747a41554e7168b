"""The navigation, put together from what features announce: sections, their entries, and the tabs of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flask import Flask, request, url_for

from app.web.access import Principal, find_principal
from app.web.features import NavigationEntry, Section, Tab

#: More would be hard to find: further pages become tabs of an entry.
ENTRIES_PER_SECTION_MAX = 4


@dataclass(frozen=True, slots=True)
class ShownLink:
    """A link that the caller may follow. `is_active`: it leads to the page that is shown, or to the list above it."""

    label: str
    href: str
    is_active: bool
    icon: str = ""


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section with the entries that the caller may see. The browser stores under `key` whether it is folded."""

    key: str
    label: str
    entries: list[ShownLink]

    @property
    def is_active(self) -> bool:
        """Whether the page that is shown belongs to it."""
        return any(entry.is_active for entry in self.entries)


@dataclass(frozen=True, slots=True)
class ShownNavigation:
    """What the layout shows. `tabs` are those of the active entry; none if there would be one only."""

    sections: list[ShownSection]
    tabs: list[ShownLink]


class Navigation:
    """All entries of the app, in order."""

    def __init__(self, announced: Sequence[NavigationEntry]) -> None:
        merged: dict[tuple[Section, str], NavigationEntry] = {}
        for entry in sorted(announced, key=lambda one: one.position):
            key = (entry.section, entry.label)
            known = merged.get(key)
            merged[key] = entry if known is None else replace(known, tabs=(*known.tabs, *entry.tabs))
        self._entries = {
            section: [entry for entry in merged.values() if entry.section is section] for section in Section
        }

    def check(self, app: Flask) -> None:
        """Raise ValueError for an entry that leads nowhere, and for a section that has too many."""
        for section, entries in self._entries.items():
            if len(entries) > ENTRIES_PER_SECTION_MAX:
                names = ", ".join(entry.label for entry in entries)
                raise ValueError(f"the section {section or 'Home'} has more than four entries: {names}")
            for tab in (tab for entry in entries for tab in entry.tabs):
                if tab.endpoint not in app.view_functions:
                    raise ValueError(f"the navigation leads to {tab.endpoint}, which is no view")

    def shown(self) -> ShownNavigation:
        """Return what the caller may see of it, for the page that is asked for."""
        caller = find_principal()
        if caller is None:
            return ShownNavigation([], [])
        active = self._active_tab()
        sections, active_tabs = [], []
        for section, entries in self._entries.items():
            links = []
            for entry in entries:
                tabs = _visible(entry, caller)
                if not tabs:
                    continue
                is_active = active in tabs
                links.append(ShownLink(entry.label, url_for(tabs[0].endpoint), is_active, entry.icon))
                if len(tabs) > 1 and request.endpoint in [tab.endpoint for tab in tabs]:
                    active_tabs = [ShownLink(tab.label, url_for(tab.endpoint), tab == active) for tab in tabs]
            if links:
                sections.append(ShownSection(section.name.lower(), section.value, links))
        return ShownNavigation(sections, active_tabs)

    def _active_tab(self) -> Tab | None:
        """Return the tab that the page belongs to: its own, else the first of its blueprint."""
        tabs = [tab for entries in self._entries.values() for entry in entries for tab in entry.tabs]
        own = (tab for tab in tabs if tab.endpoint == request.endpoint)
        of_blueprint = (tab for tab in tabs if tab.endpoint.rpartition(".")[0] == request.blueprint)
        return next(own, None) or next(of_blueprint, None)


def _visible(entry: NavigationEntry, caller: Principal) -> list[Tab]:
    return [tab for tab in entry.tabs if caller.may(tab.permission)]
