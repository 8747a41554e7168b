"""Where the pages of the trail's objects are. The features that have them lie above: `wiring` provides the table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from flask import Flask, current_app, url_for
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from app.audit.models import AuditEntry
from app.extensions import db

_EXTENSION = "signalbox.audit_links"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPage:
    """The page of one type of objects: its endpoint takes `parameter`, which `column` of the object holds.

    `key` is the object's id, as entries name it; `is_there`: which rows have a page, if not all.
    """

    endpoint: str
    parameter: str
    key: InstrumentedAttribute[str]
    column: InstrumentedAttribute[str]
    team_id: InstrumentedAttribute[str]
    is_there: ColumnElement[bool] | None = None


def provide_links(app: Flask, pages: Mapping[str, ObjectPage]) -> None:
    """Let the pages of the trail link to objects, by object type."""
    app.extensions[_EXTENSION] = pages


def links_of(team_id: str, entries: Iterable[AuditEntry]) -> dict[str, str]:
    """Return the addresses of the objects that still exist and have a page, by object id."""
    pages = cast(Mapping[str, ObjectPage], current_app.extensions.get(_EXTENSION, {}))
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


def _existing(page: ObjectPage, team_id: str, ids: set[str]) -> Any:  # noqa: ANN401 - a SELECT
    query = select(page.key, page.column).where(page.team_id == team_id, page.key.in_(ids))
    return query if page.is_there is None else query.where(page.is_there)
