"""Writes the audit trail, in the transaction of the act that it records."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import g, has_request_context, request
from sqlalchemy import Connection, insert
from sqlalchemy.orm import Session

from app.audit.models import AuditEntry
from app.lib import clock, redact
from app.lib.ids import new_id
from app.web.access import Principal, find_principal

#: The actors that are no user and no key.
SYSTEM = Principal("system", "", "Signalbox", "", frozenset())
OPERATOR = Principal("operator", "", "Command line", "", frozenset())


def record(
    transaction: Session | Connection,
    action: str,
    *,
    team_id: str,
    object_type: str,
    object_id: str | None = None,
    object_name: str | None = None,
    changes: Mapping[str, tuple[object, object]] | None = None,
    detail: str | None = None,
    actor: Principal | None = None,
    address: str | None = None,
) -> None:
    """Add an entry to the caller's transaction: it is stored with the act, or not at all.

    The actor is who is calling, if not given: the principal of the request, else the command line; jobs of workers
    give `SYSTEM`, and the `address` that it came from. `changes` are (before, after) by field name, from `changed()`; secrets in them are masked, by name
    and by their own form.
    """
    actor = actor or _who_is_calling()
    values = {
        "id": new_id("aud"),
        "team_id": team_id,
        "actor_kind": actor.kind,
        "actor_id": actor.id or None,
        "actor_name": actor.name[:100],
        "action": action,
        "object_type": object_type,
        "object_id": object_id,
        "object_name": object_name[:255] if object_name else None,
        "changes": _masked(changes) if changes else None,
        "detail": redact.own_secrets(detail)[:500] if detail else None,
        "address": request.remote_addr if has_request_context() else address,
        "request_id": g.get("request_id") if has_request_context() else None,
        "created_at": clock.now(),
    }
    transaction.execute(insert(AuditEntry), values)


def snapshot(row: object, fields: Iterable[str]) -> dict[str, Any]:
    """Return the values of these attributes, to be given to `changed()` once they may have changed."""
    return {name: getattr(row, name) for name in fields}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[object, object]]:
    """Return (before, after) of every field of `after` whose value differs."""
    return {name: (before.get(name), value) for name, value in after.items() if before.get(name) != value}


def _who_is_calling() -> Principal:
    if not has_request_context():
        return OPERATOR
    return find_principal() or SYSTEM


def _masked(changes: Mapping[str, tuple[object, object]]) -> dict[str, list[object]]:
    return {name: [redact.json_value(name, content) for content in pair] for name, pair in changes.items()}
