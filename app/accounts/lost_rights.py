"""Subscribers to the loss of a member's rights in a team, called within the transaction.

What the member granted ends or is reviewed then; API keys belong to a feature above, which subscribes.
"""

from collections.abc import Callable, Sequence

from flask import Flask

from app.extensions import AppSlot

#: Called once the change is committed.
AfterCommit = Callable[[], object]
#: Called with the team's id, the user's id and the permissions that are left to them, before the commit.
Subscriber = Callable[[str, str, frozenset[str]], AfterCommit]
_subscribers = AppSlot[list[Subscriber]]("lost_rights", list)


def subscribe(app: Flask, subscriber: Subscriber) -> None:
    """Call `subscriber` whenever a member of the app loses rights."""
    with app.app_context():
        _subscribers.get().append(subscriber)


def notify_lost_rights(team_id: str, user_id: str, permissions: frozenset[str]) -> Sequence[AfterCommit]:
    """Notify every subscriber which permissions are left; returns what is to be called after the commit."""
    return [subscriber(team_id, user_id, permissions) for subscriber in _subscribers.get()]
