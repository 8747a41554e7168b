"""Which connections end when there are too many."""

import asyncio
from typing import Any, Protocol

from app.server import refusals
from app.server.refusals import Refusal


class Client(Protocol):
    """What eviction asks of a connection."""

    transport: asyncio.Transport
    #: Since when it is in its phase, in the loop's time.
    since_s: float

    @property
    def is_waiting_for_client(self) -> bool:
        """Whether nothing will happen here before the client does something."""

    def refuse(self, refusal: Refusal) -> None:
        """Answer instead of the application, and end the connection."""


def make_room(connections: set[Any], newcomer: Client) -> None:
    """End those that have kept us waiting longest; where nobody has, turn the newcomer away.

    One in twenty at a time, so that in a flood the search is paid for by many.
    """
    waiting: list[Client] = [
        item for item in connections if item is not newcomer and item.is_waiting_for_client
    ]
    if not waiting:
        newcomer.refuse(refusals.OVERLOADED)
        return
    waiting.sort(key=lambda connection: connection.since_s)
    for connection in waiting[: 1 + len(connections) // 20]:
        connection.transport.abort()
        # Not only when the loop has come to it: the next newcomer must not find it here again.
        connections.discard(connection)
