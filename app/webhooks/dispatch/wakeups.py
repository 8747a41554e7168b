"""Hears over Redis that something became due, and says over Redis that this slice is alive."""

import contextlib
import socket
import threading
import time

from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError

from app.jobs.heartbeats import WAKE_CHANNEL, heartbeat

_RECONNECT_S = 0.5
_SIGN_OF_LIFE_S = 1.0
_WAKE_UP = b"n"
_DONE = b"d"


class Wakeups:
    """A thread that listens on the wake channel. `fileno()` is readable when the loop should turn.

    It is lost with Redis and comes back with it; meanwhile the dispatcher looks into the database each second.
    """

    def __init__(self, redis: Redis) -> None:
        #: The running slice, to be reported alive; None between slices.
        self.slice_id: str | None = None
        self._redis = redis
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="wakeups", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._read.fileno()

    def wake(self) -> None:
        """Make the loop turn, because a database call has ended. From any thread."""
        self._send(_DONE)

    def drain(self) -> bool:
        """Make the descriptor unreadable; returns whether something became due meanwhile."""
        try:
            return _WAKE_UP in self._read.recv(65_536)
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Stop listening."""
        self._is_stopping.set()
        self._thread.join(timeout=3)
        self._read.close()
        self._write.close()

    def _send(self, what: bytes) -> None:
        # A full pipe wakes the loop as well as one byte more would.
        with contextlib.suppress(OSError):
            self._write.send(what)

    def _listen(self) -> None:
        while not self._is_stopping.is_set():
            try:
                with PubSub(self._redis.connection_pool, ignore_subscribe_messages=True) as pubsub:
                    pubsub.subscribe(WAKE_CHANNEL)  # type: ignore[no-untyped-call]
                    self._send(_WAKE_UP)  # Something may have become due while nobody listened.
                    self._hear(pubsub)
            except (RedisError, OSError):
                self._is_stopping.wait(_RECONNECT_S)

    def _hear(self, pubsub: PubSub) -> None:
        reported, reported_at_s = None, 0.0
        while not self._is_stopping.is_set():
            if pubsub.get_message(timeout=0.25) is not None:
                self._send(_WAKE_UP)
            slice_id, now_s = self.slice_id, time.monotonic()
            if slice_id and (slice_id != reported or now_s - reported_at_s > _SIGN_OF_LIFE_S):
                heartbeat(self._redis, slice_id=slice_id)
                reported, reported_at_s = slice_id, now_s
