"""What can be done with events: emit them, and describe the team's own types."""

from app.events.services.emitting import (
    Emitted,
    EventToEmit,
    add_event,
    add_event_without_fanout,
    emit,
    emit_batch,
)
from app.events.services.types import add_type, change_type, create_type, delete_type, type_version

__all__ = [
    "Emitted",
    "EventToEmit",
    "add_event",
    "add_event_without_fanout",
    "add_type",
    "change_type",
    "create_type",
    "delete_type",
    "emit",
    "emit_batch",
    "type_version",
]
