"""Makes the rows of the demo team's deliveries, as the dispatcher would have written them. Pure."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from app.demo.answers import Answer
from app.demo.scenery import Scene
from app.lib import signing
from app.lib.ids import lowest_id_at
from app.webhooks.rules import JITTER, retry_schedule_s

_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_CHARS = 16

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """A webhook that was created from a scene."""

    scene: Scene
    webhook_id: str
    url: str
    address: str
    signing_key: bytes
    shown_headers: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class History:
    """Rows to insert, in this order. `failures_in_a_row` by webhook id."""

    events: Rows = field(default_factory=list)
    deliveries: Rows = field(default_factory=list)
    attempts: Rows = field(default_factory=list)
    counts: Rows = field(default_factory=list)
    failures_in_a_row: dict[str, int] = field(default_factory=dict)


class Recorder:
    """Turns answers into attempts, states and hourly counts."""

    def __init__(self, team_id: str, rng: random.Random) -> None:
        self.team_id = team_id
        self.rng = rng
        self.history = History()
        self._counts: dict[tuple[str, datetime], dict[str, Any]] = {}

    def finish(self) -> History:
        """Return the history, in the order of ids."""
        self.history.deliveries.sort(key=lambda row: row["id"])
        self.history.counts = [self._counts[key] for key in sorted(self._counts)]
        return self.history

    def new_id(self, prefix: str, moment: datetime) -> str:
        """Return an id born at `moment`, the same in every run."""
        return lowest_id_at(prefix, moment)[:-_RANDOM_CHARS] + "".join(
            self.rng.choices(_ID_ALPHABET, k=_RANDOM_CHARS)
        )

    def run(
        self,
        place: Place,
        event: Mapping[str, Any],
        delivery: dict[str, Any],
        tries: Sequence[Answer],
        *,
        goes_on: bool = False,
    ) -> None:
        """Record the attempts. With `goes_on` more are to come."""
        # No retry is due after the last one, unless more are to come.
        waits = [*waits_s(place.scene), 0.0]
        started_at = event["created_at"] + timedelta(milliseconds=self.rng.uniform(6, 60))
        for number, (answer, wait_s) in enumerate(zip(tries, waits, strict=False), start=1):
            ended_at = started_at + timedelta(milliseconds=answer.total_ms)
            self._attempt(place, event, delivery, answer, number, started_at)
            next_at = ended_at + timedelta(seconds=wait_s)
            is_last = number == len(tries)
            state = "pending" if not is_last or goes_on else "failed" if answer.error_kind else "succeeded"
            delivery |= {
                "state": state,
                "due_at": next_at if state == "pending" else None,
                "finished_at": None if state == "pending" else ended_at,
                "attempt_count": number,
                "round_attempt_count": number,
                "last_status": answer.status_code,
                "last_error": answer.error_kind,
            }
            self._count(place, started_at, answer, state)
            started_at = next_at

    def _attempt(
        self,
        place: Place,
        event: Mapping[str, Any],
        delivery: Mapping[str, Any],
        answer: Answer,
        number: int,
        started_at: datetime,
    ) -> None:
        timestamp_s = int(started_at.timestamp())
        signature = signing.sign(
            place.signing_key, message_id=event["id"], timestamp_s=timestamp_s, body=event["body"].encode()
        )
        headers = (
            *place.shown_headers,
            ("webhook-id", event["id"]),
            ("webhook-timestamp", str(timestamp_s)),
            ("webhook-signature", signature),
        )
        self.history.attempts.append(
            {
                "delivery_id": delivery["id"],
                "id": self.new_id("att", started_at),
                "number": number,
                "trigger": "automatic",
                "started_at": started_at,
                "url": place.url,
                "request_headers": orjson.dumps(headers).decode(),
                "response_headers": orjson.dumps(answer.headers).decode() if answer.status_code else None,
                "response_body": answer.body if answer.status_code else None,
                "response_truncated": answer.is_truncated,
                "status_code": answer.status_code,
                "error_kind": answer.error_kind,
                "error_detail": answer.error_detail,
                "remote_address": place.address.partition(":")[0],
                "dns_ms": answer.dns_ms,
                "connect_ms": answer.connect_ms,
                "tls_ms": answer.tls_ms,
                "first_byte_ms": answer.first_byte_ms,
                "total_ms": answer.total_ms,
            }
        )

    def _count(self, place: Place, started_at: datetime, answer: Answer, state: str) -> None:
        hour = started_at.replace(minute=0, second=0, microsecond=0)
        count = self._counts.setdefault(
            (place.webhook_id, hour),
            {
                "webhook_id": place.webhook_id,
                "hour": hour,
                "team_id": self.team_id,
                "succeeded": 0,
                "failed": 0,
                "attempts": 0,
                "attempt_failures": 0,
                "total_ms": 0.0,
            },
        )
        count["attempts"] += 1
        count["attempt_failures"] += answer.error_kind is not None
        count["succeeded"] += state == "succeeded"
        count["failed"] += state == "failed"
        count["total_ms"] += answer.total_ms


def waits_s(scene: Scene) -> list[float]:
    """Return the waits after each failed attempt, in seconds, with the jitter that is usual."""
    schedule = retry_schedule_s(
        max_retries=scene.max_retries, first_retry_s=scene.first_retry_s, multiplier=scene.retry_multiplier
    )
    return [wait_s * (1 + JITTER / 2) for wait_s in schedule]
