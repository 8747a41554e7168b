"""Notifies features above of new events, within the transaction that stores them.

The layer of events is below that of webhooks: `wiring` subscribes those features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Flask
from sqlalchemy import Connection

from app.extensions import AppSlot


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that was just stored and is not committed yet."""

    id: str
    team_id: str
    type: str
    created_at: datetime


#: Called with the connection and the new events of one team, before their commit. Returns how many deliveries it
#: added, by event id. A connection, not a session: this is the hot path, and a unit of work costs more than the statements.
Subscriber = Callable[[Connection, str, Sequence[NewEvent]], dict[str, int]]
_subscribers = AppSlot[list[Subscriber]]("event_subscribers", list)


def subscribe(app: Flask, subscriber: Subscriber) -> None:
    """Call `subscriber` for every new event of the app."""
    with app.app_context():
        _subscribers.get().append(subscriber)


def notify_subscribers(connection: Connection, team_id: str, events: Sequence[NewEvent]) -> dict[str, int]:
    """Notify every subscriber of new events of one team; returns how many deliveries they added, by event id."""
    counts: dict[str, int] = {}
    for subscriber in _subscribers.get():
        for event_id, count in subscriber(connection, team_id, events).items():
            counts[event_id] = counts.get(event_id, 0) + count
    return counts
