"""Which events a webhook gets: its patterns, the choices of its form, and the deliveries of new events.

Deliveries are added in the transaction that stores the events.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, bindparam, select, text

from app.db.types import UtcDateTime
from app.events.catalogue import KnownType
from app.events.fanout import NewEvent
from app.lib import clock
from app.lib.errors import FieldError, Invalid
from app.lib.ids import new_id
from app.webhooks.models import Webhook
from app.webhooks.rules import wants

PATTERNS_MAX = 100
_PATTERN = re.compile(r"\*|[a-z0-9_]++(?:\.[a-z0-9_]++)*+(?:\.\*)?")
_FIELD = "event_types"
_OTHER = "Other patterns of this webhook"

_SUBSCRIPTIONS = select(Webhook.id, Webhook.event_types).where(
    Webhook.team_id == bindparam("team_id"), Webhook.deleted_at.is_(None)
)
#: One statement for all rows: one for each costs a tenth of what an event costs the web process in all. The database's clock
#: dates what is due.
_INSERT_DUE = {
    "postgresql": text(
        """
        INSERT INTO deliveries (id, team_id, event_id, webhook_id, event_type, state, due_at, attempt_count,
            round_attempt_count, is_manual, created_at)
        SELECT id, team_id, event_id, webhook_id, event_type, 'pending', statement_timestamp(), 0, 0, false, :now
        FROM json_to_recordset(CAST(:rows AS json)) AS r(id text, team_id text, event_id text, webhook_id text,
            event_type text)
        """
    ).bindparams(bindparam("now", type_=UtcDateTime())),
    "sqlite": text(
        """
        INSERT INTO deliveries (id, team_id, event_id, webhook_id, event_type, state, due_at, attempt_count,
            round_attempt_count, is_manual, created_at)
        SELECT json_extract(value, '$.id'), json_extract(value, '$.team_id'), json_extract(value, '$.event_id'), json_extract(value, '$.webhook_id'),
            json_extract(value, '$.event_type'), 'pending', :now, 0, 0, 0, :now
        FROM json_each(:rows)
        """
    ).bindparams(bindparam("now", type_=UtcDateTime())),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One checkbox: a pattern and what it stands for."""

    pattern: str
    note: str
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class ChoiceGroup:
    """The checkboxes under one heading."""

    title: str
    choices: Sequence[Choice]


def checked_patterns(
    given: Sequence[str], *, known_names: Collection[str], already: Collection[str] = ()
) -> list[str]:
    """Return the patterns in their order, each once. Every one must cover a known type, or be there already.

    A pattern stays valid on the webhook that has it when its last type is deleted: editing another setting must not
    fail for it. Raises Invalid, listing everything that is wrong.
    """
    patterns = list(dict.fromkeys(pattern.strip() for pattern in given))
    if not patterns:
        raise Invalid.field(_FIELD, "Choose at least one event type, or * for all of them.")
    if len(patterns) > PATTERNS_MAX:
        raise Invalid.field(
            _FIELD, f"Choose at most {PATTERNS_MAX} patterns; a group such as post.* covers many."
        )
    problems = [
        problem for pattern in patterns if (problem := _problem_of(pattern, known_names, already)) is not None
    ]
    if problems:
        raise Invalid(
            " ".join(problems[:5]), errors=[FieldError(_FIELD, problem) for problem in problems[:5]]
        )
    return patterns


def choice_groups(known: Sequence[KnownType], chosen: Sequence[str]) -> list[ChoiceGroup]:
    """Return all checkboxes by category: groups such as `post.*` first, then their types.

    Chosen patterns that no checkbox stands for come last, so that saving the form keeps them.
    """
    by_category: dict[str, list[Choice]] = {
        "Everything": [Choice("*", "All types, those to come too; not signalbox.*", is_group=True)]
    }
    groups = _groups_of([one.name for one in known])
    for one in known:
        choices = by_category.setdefault(one.category, [])
        group = f"{one.name.partition('.')[0]}.*"
        if group in groups:
            groups.remove(group)
            choices.append(
                Choice(group, f"All types that begin with {group[:-1]} and those to come", is_group=True)
            )
        choices.append(Choice(one.name, one.description))
    offered = {choice.pattern for choices in by_category.values() for choice in choices}
    other = [Choice(pattern, "") for pattern in chosen if pattern not in offered]
    if other:
        by_category[_OTHER] = other
    return [
        ChoiceGroup(title, sorted(choices, key=lambda choice: not choice.is_group))
        for title, choices in by_category.items()
    ]


def add_deliveries(connection: Connection, team_id: str, events: Sequence[NewEvent]) -> dict[str, int]:
    """Add a delivery for every webhook that wants one of the events; returns how many, by event id.

    Paused and disabled webhooks get theirs too: they wait until the webhook is resumed.
    """
    subscriptions = connection.execute(_SUBSCRIPTIONS, {"team_id": team_id}).all()
    counts: dict[str, int] = {}
    rows = []
    for event in events:
        wanting = [webhook_id for webhook_id, patterns in subscriptions if wants(patterns, event.type)]
        rows += [new_delivery(event, webhook_id) for webhook_id in wanting]
        if wanting:
            counts[event.id] = len(wanting)
    if rows:
        insert_due(connection, rows)
    return counts


def insert_due(connection: Connection, deliveries: Sequence[dict[str, str]]) -> None:
    """Insert deliveries as `new_delivery` returns them, due at once by the database's clock."""
    parameters = {"rows": orjson.dumps(deliveries).decode(), "now": clock.now()}
    connection.execute(_INSERT_DUE[connection.dialect.name], parameters)


def new_delivery(event: NewEvent, webhook_id: str) -> dict[str, str]:
    """Return what differs between deliveries of new events, to be inserted with `insert_due`."""
    return {
        "id": new_id("dlv"),
        "team_id": event.team_id,
        "event_id": event.id,
        "webhook_id": webhook_id,
        "event_type": event.type,
    }


def _groups_of(names: Collection[str]) -> set[str]:
    """Return the wildcards, such as `post.*`, that cover more than one of the names."""
    prefixes = [name.partition(".")[0] for name in names]
    return {f"{prefix}.*" for prefix in prefixes if prefixes.count(prefix) > 1}


def _problem_of(pattern: str, known_names: Collection[str], already: Collection[str]) -> str | None:
    shown = pattern[:100]
    if len(pattern) > 100 or _PATTERN.fullmatch(pattern) is None:
        return f"{shown!r} is neither a type such as post.published, nor a group such as post.*, nor *."
    if pattern in already or any(wants([pattern], name) for name in known_names):
        return None
    if pattern.endswith("*"):
        return f"No event type begins with {shown[:-1]}"
    return f"There is no event type {shown}. Add it under Event types first."
