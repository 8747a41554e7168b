"""What uses an integration. Features above tell it: `wiring` subscribes them."""

from collections.abc import Callable

from flask import Flask
from sqlalchemy import func, select

from app.extensions import AppSlot, db
from app.integrations.models import Integration

#: Called with the ids of a team and of its integration. Returns words for people: what there is, and what becomes of it
#: when the integration is deleted, such as "3 endpoints are deleted with it."
Finder = Callable[[str, str], list[str]]
_finders = AppSlot[list[Finder]]("integration_dependents", list)


def subscribe(app: Flask, finder: Finder) -> None:
    """Let `finder` tell what uses an integration."""
    with app.app_context():
        _finders.get().append(finder)


def dependents_of(team_id: str, integration_id: str) -> list[str]:
    """Return what uses the team's integration, a sentence each; none: nothing."""
    found = [words for finder in _finders.get() for words in finder(team_id, integration_id)]
    copies = db.session.scalar(
        select(func.count()).select_from(Integration).where(Integration.source_id == integration_id)
    )
    if copies == 1:
        found.append("One integration was made from it by another team: it stays as it is.")
    elif copies:
        found.append(f"{copies} integrations were made from it by other teams: they stay as they are.")
    return found
