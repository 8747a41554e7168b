"""Listens on Redis for deliveries that became due, and sends the heartbeat of the running slice."""

import contextlib
import socket
import threading
import time

from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError

from app.jobs.heartbeats import WAKE_CHANNEL, heartbeat

_RECONNECT_S = 0.5
_HEARTBEAT_S = 1.0
_WAKE_UP = b"n"
_DONE = b"d"


class Wakeups:
    """A thread that listens on the wake channel. `fileno()` is readable when the loop has something to do.

    Without Redis nothing arrives until it is back; meanwhile the dispatcher polls the database each second.
    """

    def __init__(self, redis: Redis) -> None:
        #: The running slice, whose heartbeat is sent; None between slices.
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
        """Wake the loop, because a database call has ended. From any thread."""
        self._send(_DONE)

    def drain(self) -> bool:
        """Read what has arrived; returns whether something became due meanwhile."""
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
        # A full socket wakes the loop already.
        with contextlib.suppress(OSError):
            self._write.send(what)

    def _listen(self) -> None:
        while not self._is_stopping.is_set():
            try:
                with PubSub(self._redis.connection_pool, ignore_subscribe_messages=True) as pubsub:
                    pubsub.subscribe(WAKE_CHANNEL)  # type: ignore[no-untyped-call]
                    self._send(_WAKE_UP)  # Something may have become due before we listened.
                    self._receive(pubsub)
            except (RedisError, OSError):
                self._is_stopping.wait(_RECONNECT_S)

    def _receive(self, pubsub: PubSub) -> None:
        sent_for, sent_at_s = None, 0.0
        while not self._is_stopping.is_set():
            if pubsub.get_message(timeout=0.25) is not None:
                self._send(_WAKE_UP)
            slice_id, now_s = self.slice_id, time.monotonic()
            if slice_id and (slice_id != sent_for or now_s - sent_at_s > _HEARTBEAT_S):
                heartbeat(self._redis, slice_id=slice_id)
                sent_for, sent_at_s = slice_id, now_s
