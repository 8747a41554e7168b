"""Links from entries of the audit trail to the pages of their objects, which features above announce."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Flask, url_for
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.extensions import AppSlot, db
from app.web.features import AuditObject

_pages = AppSlot[Mapping[str, AuditObject]]("audit_objects")


def provide_links(app: Flask, objects: Iterable[AuditObject]) -> None:
    """Let the pages of the trail link to these objects. Raises ValueError when two are of one type."""
    by_type: dict[str, AuditObject] = {}
    for one in objects:
        if by_type.setdefault(one.type, one) is not one:
            raise ValueError(f"two features show audit objects of the type {one.type}")
    _pages.put(app, by_type)


def links_of(team_id: str, entries: Iterable[AuditEntry]) -> dict[str, str]:
    """Return the addresses of the objects that still exist and have a page, by object id."""
    pages = _pages.find() or {}
    wanted: dict[str, set[str]] = {}
    for entry in entries:
        if entry.object_id and entry.object_type in pages:
            wanted.setdefault(entry.object_type, set()).add(entry.object_id)
    links = {}
    for object_type, ids in wanted.items():
        page = pages[object_type]
        for object_id, value in db.session.execute(_existing(page, team_id, ids)):
            parameters: dict[str, Any] = {page.parameter: value}
            links[object_id] = url_for(page.endpoint, **parameters)
    return links


def link_to(team_id: str, object_type: str, object_id: str) -> str | None:
    """Return the address of an object's page; None if it is gone, or has none."""
    page = (_pages.find() or {}).get(object_type)
    found = page and db.session.execute(_existing(page, team_id, {object_id})).one_or_none()
    if not page or not found:
        return None
    parameters: dict[str, Any] = {page.parameter: found[1]}
    return url_for(page.endpoint, **parameters)


def _existing(page: AuditObject, team_id: str, ids: set[str]) -> Any:  # noqa: ANN401 - a SELECT
    query = select(page.key, page.column).where(page.team_id == team_id, page.key.in_(ids))
    return query if page.is_there is None else query.where(page.is_there)
