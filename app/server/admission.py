"""Who may go to the threads: as many as keep them busy, the others in the order of their arrival."""

import asyncio
from collections import OrderedDict

from app.server.connection import Connection


class Admission:
    """Slots, and a queue for them that clients leave when they hang up."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._queue: OrderedDict[asyncio.Future[bool], None] = OrderedDict()

    async def enter(self, connection: Connection) -> bool:
        """Wait for a slot. Returns False, without one, when the client has gone meanwhile."""
        if self._free:
            self._free -= 1
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue[turn] = None

        def leave_queue() -> None:
            if self._queue.pop(turn, turn) is None:
                turn.set_result(False)

        connection.on_gone = leave_queue
        try:
            return await turn
        except asyncio.CancelledError:
            if self._queue.pop(turn, turn) is not None and not turn.cancelled() and turn.result():
                self.leave()
            raise
        finally:
            connection.on_gone = None

    def leave(self) -> None:
        """Give the slot back: to who has waited longest, if anybody waits."""
        if self._queue:
            turn, _ = self._queue.popitem(last=False)
            turn.set_result(True)
        else:
            self._free += 1
