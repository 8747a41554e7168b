"""Finding entries of the audit trail, always within a team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from flask import g
from sqlalchemy import func, or_, select

from app.audit.models import AuditEntry
from app.audit.rules import action_words, object_words
from app.db.pages import Condition, Conditions
from app.extensions import db
from app.lib.errors import NotFound
from app.lib.ids import is_id, lowest_id_at
from app.web.lists import ChoiceFilter, Filter, ListSpec, PeriodFilter, Search, SearchFilter

#: How many of the newest rows say what can be chosen in a filter.
_RECENT = 2_000
_CHOICES_MAX = 100
#: A request writes its entries while it runs, and a client may use a request id twice.
_OF_REQUEST = timedelta(minutes=5)
_ENTRIES_OF_REQUEST_MAX = 100


@dataclass(frozen=True, slots=True)
class RecentValues:
    """What the newest entries hold, as (value, label)."""

    actors: list[tuple[str, str]]
    actions: list[tuple[str, str]]
    object_types: list[tuple[str, str]]


def get_entry(team_id: str, entry_id: str) -> AuditEntry:
    """Return an entry of the team. Raises NotFound."""
    query = select(AuditEntry).where(AuditEntry.team_id == team_id, AuditEntry.id == entry_id)
    entry = db.session.scalars(query).one_or_none() if is_id(entry_id, "aud") else None
    if entry is None:
        raise NotFound("There is no such entry in this team's audit trail.")
    return entry


def entries_of_request(team_id: str, request_id: str | None, *, at: datetime) -> Sequence[AuditEntry]:
    """Return what a request changed that ran at this time, oldest first."""
    if not request_id:
        return ()
    query = (
        select(AuditEntry)
        .where(
            AuditEntry.team_id == team_id,
            AuditEntry.id >= lowest_id_at("aud", at - _OF_REQUEST),
            AuditEntry.id < lowest_id_at("aud", at + _OF_REQUEST),
            AuditEntry.request_id == request_id,
        )
        .order_by(AuditEntry.id)
        .limit(_ENTRIES_OF_REQUEST_MAX)
    )
    return db.session.scalars(query).all()


def recent_values(team_id: str) -> RecentValues:
    """Return who did what to what lately; three filters of one page ask for it."""
    if "recent_values" not in g:
        g.recent_values = _read_recent_values(team_id)
    return cast(RecentValues, g.recent_values)


def _read_recent_values(team_id: str) -> RecentValues:
    recent = (
        select(AuditEntry.actor_id, AuditEntry.actor_name, AuditEntry.action, AuditEntry.object_type)
        .where(AuditEntry.team_id == team_id)
        .order_by(AuditEntry.id.desc())
        .limit(_RECENT)
        .subquery()
    )
    actors: dict[str, str] = {}
    actions: set[str] = set()
    object_types: set[str] = set()
    for actor_id, actor_name, action, object_type in db.session.execute(select(recent).distinct()):
        if actor_id:
            actors[actor_id] = actor_name
        actions.add(action)
        object_types.add(object_type)
    by_name = sorted(actors.items(), key=lambda item: item[1].lower())
    return RecentValues(
        by_name[:_CHOICES_MAX],
        [(name, action_words(name)) for name in sorted(actions)],
        [(name, object_words(name)) for name in sorted(object_types)],
    )


def _entry_text(_search: Search, text: str) -> Condition | Conditions:
    if is_id(text, "aud"):
        return Conditions(indexed=(AuditEntry.id == text,))
    parts = (AuditEntry.actor_name, AuditEntry.object_name, AuditEntry.action, AuditEntry.detail)
    # What people read as "API key revoked" is stored as api_key.revoked.
    as_words = func.replace(func.replace(AuditEntry.action, ".", " "), "_", " ")
    wholes = (AuditEntry.object_id, AuditEntry.actor_id, AuditEntry.request_id, AuditEntry.address)
    return or_(
        *(part.icontains(text, autoescape=True) for part in parts),
        *(whole == text for whole in wholes),
        as_words.icontains(text, autoescape=True),
    )


ENTRIES = ListSpec[AuditEntry](
    key=AuditEntry.id,
    prefix="aud",
    thing="an entry",
    scope=lambda team_id: (AuditEntry.team_id == team_id,),
    filters=(
        SearchFilter(
            condition=_entry_text,
            placeholder="A name, an action, or an id",
            description="The id of an entry, an actor, an object or a request, a network address, or text in the"
            " names, the action or the detail.",
        ),
        ChoiceFilter(
            field="actor_id",
            label="Who",
            choices=lambda team_id: recent_values(team_id).actors,
            column=AuditEntry.actor_id,
            is_indexed=True,
            description="The id of a user or an API key.",
            examples=("key_01k9zq4w6v3m8t7c5x2b9d0r1s",),
        ),
        ChoiceFilter(
            field="object_type",
            label="About",
            choices=lambda team_id: recent_values(team_id).object_types,
            column=AuditEntry.object_type,
            description="To what kind of object.",
            examples=("webhook",),
        ),
        ChoiceFilter(
            field="action",
            label="Action",
            choices=lambda team_id: recent_values(team_id).actions,
            column=AuditEntry.action,
            description="What was done.",
            examples=("webhook.updated",),
        ),
        Filter(
            field="object_id",
            label="Object id",
            column=AuditEntry.object_id,
            is_indexed=True,
            description="To which object.",
            examples=("wh_01k9zq4w6v3m8t7c5x2b9d0r1s",),
        ),
        PeriodFilter(),
    ),
)
