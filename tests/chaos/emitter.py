"""A client that posts events and repeats each until it is accepted."""

import http.client
import json
import threading
import time

_RETRY_S = 0.1


class Emitter:
    """Posts `count` events over several connections, each again and again until a 2xx was read for it."""

    def __init__(
        self, *, port: int, token: str, count: int, connections: int = 4, per_s: float = 0.0
    ) -> None:
        #: Event ids by the number of the event; there as soon as it was accepted.
        self.accepted: dict[int, str] = {}
        self.refusals = 0
        self.surprises: list[str] = []
        self._port, self._token, self._count = port, token, count
        self._next = iter(range(count))
        self._lock = threading.Lock()
        self._pause_s = connections / per_s if per_s else 0.0
        self._is_stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]
        self.began_s = self.ended_s = 0.0

    @property
    def is_done(self) -> bool:
        return len(self.accepted) == self._count or bool(self.surprises)

    def start(self) -> None:
        self.began_s = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_stopping.set()
        for thread in self._threads:
            thread.join(15)

    def _run(self) -> None:
        connection = self._connect()
        while not self._is_stopping.is_set():
            with self._lock:
                number = next(self._next, None)
            if number is None:
                break
            while not self._is_stopping.is_set():
                event_id = self._post(connection, number)
                if event_id:
                    self.accepted[number] = event_id
                    break
                self.refusals += 1
                connection.close()
                self._is_stopping.wait(_RETRY_S)
                connection = self._connect()
            self._is_stopping.wait(self._pause_s)
        self.ended_s = time.monotonic()
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)

    def _post(self, connection: http.client.HTTPConnection, number: int) -> str | None:
        body = json.dumps({"type": "post.published", "data": {"number": number}})
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"chaos-{number}",
        }
        try:
            connection.request("POST", "/api/v1/events", body, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            return None
        if response.status in (200, 202):
            return str(json.loads(answer)["id"])
        if response.status < 500:
            self.surprises.append(f"{response.status} {answer!r}")
            self._is_stopping.set()
        return None
