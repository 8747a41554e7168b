"""Who received an event, for its page. Deliveries belong to a feature above: `wiring` provides the answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Flask

from app.events.models import Event
from app.extensions import AppSlot


@dataclass(frozen=True, slots=True)
class Recipient:
    """A delivery of the event. `state` is the word that pages show; `error` says in words what went wrong last."""

    delivery_id: str
    webhook_id: str
    webhook_name: str
    state: str
    attempt_count: int
    last_status: int | None
    error: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SkippedWebhook:
    """A webhook that did not get the event, and why."""

    webhook_id: str
    webhook_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class EventDeliveries:
    """What became of an event."""

    recipients: Sequence[Recipient] = ()
    skipped: Sequence[SkippedWebhook] = ()


#: Called with the team's id and the event.
Loader = Callable[[str, Event], EventDeliveries]
_loader = AppSlot[Loader]("event_deliveries")


def register_loader(app: Flask, loader: Loader) -> None:
    """Let `loader` tell who received an event."""
    _loader.put(app, loader)


def deliveries_of(team_id: str, event: Event) -> EventDeliveries:
    """Return who received the event and who did not."""
    loader = _loader.find()
    return loader(team_id, event) if loader else EventDeliveries()
