"""Invents the last 26 hours of the demo team: events, deliveries, attempts and the counts that follow from them.

Pure: the same seed and moment give the same history. Its rows are those that the dispatcher would have written.
"""

import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from app.demo import answers
from app.demo.answers import Answer
from app.demo.records import History, Place, Recorder, waits_s
from app.demo.scenery import FREQUENCIES, event_data
from app.events.rules import encode_event
from app.webhooks.rules import wants

HOURS = 26
EVENT_COUNT = 640
#: Nothing younger can have used up all its retries.
_FRESH = timedelta(minutes=20)
#: How many of the newest deliveries to the demo receiver are still to be sent, and within which time.
LIVE_COUNT = 8
LIVE_SPREAD_S = 60
FAILED_IN_A_ROW = 6
RETRYING_COUNT = 4
_PAUSED_HOURS_AGO = 5
_GONE_HOURS_AGO = 9
_EARLIER_PAUSE_HOURS_AGO = (20, 18)
#: Event and delivery rows, oldest first.
Pairs = list[tuple[dict[str, Any], dict[str, Any]]]


def invent(team_id: str, places: Iterable[Place], *, now: datetime, seed: str) -> History:
    """Return the history of the hours before `now`."""
    return _Inventor(team_id, list(places), now, random.Random(seed)).invent()  # noqa: S311 - believable, not secret


class _Inventor:
    """Holds what one history is made from while it is made."""

    def __init__(self, team_id: str, places: list[Place], now: datetime, rng: random.Random) -> None:
        self.team_id, self.places, self.now, self.rng = team_id, places, now, rng
        self.recorder = Recorder(team_id, rng)
        #: How often the deliveries of an event were tried so far: those that are retried right now.
        self.tries_so_far: dict[tuple[str, str], int] = {}

    def invent(self) -> History:
        by_place: dict[str, Pairs] = {place.webhook_id: [] for place in self.places}
        for moment, event_type in sorted([*self._moments(), *self._retried_moments()]):
            event = self._event(moment, event_type)
            for place in self.places:
                if wants(place.scene.event_types, event_type):
                    by_place[place.webhook_id].append((event, self._delivery(event, place)))
        for place in self.places:
            self._apply(place, by_place[place.webhook_id])
        return self.recorder.finish()

    def _moments(self) -> list[tuple[datetime, str]]:
        """Return when which events happened: more by day than by night, the newest seconds ago."""
        weights = [
            5 + 2 * max(0, 7 - abs((self.now - timedelta(hours=ago)).hour - 13)) for ago in range(HOURS)
        ]
        agos = self.rng.choices(range(HOURS), weights, k=EVENT_COUNT)
        moments = [self.now - timedelta(hours=ago, seconds=self.rng.uniform(5, 3595)) for ago in agos]
        calm = {name: weight for name, weight in FREQUENCIES.items() if name not in self._troubled_types()}
        types = []
        for moment in moments:
            known = calm if moment > self.now - _FRESH else FREQUENCIES
            types.append(self.rng.choices(list(known), list(known.values()))[0])
        return list(zip(moments, types, strict=True))

    def _troubled_types(self) -> set[str]:
        return {
            name
            for name in FREQUENCIES
            for place in self.places
            if place.scene.story == "failing" and wants(place.scene.event_types, name)
        }

    def _retried_moments(self) -> list[tuple[datetime, str]]:
        """Return events whose deliveries to the troubled webhooks are between two attempts right now."""
        moments = []
        for place in self.places:
            if place.scene.story not in ("failing", "flaky"):
                continue
            for index in range(RETRYING_COUNT):
                tries = 1 + index % 2
                waits = waits_s(place.scene)[:tries]
                due_at = self.now + timedelta(seconds=self.rng.uniform(4, waits[-1]))
                moment = due_at - timedelta(seconds=sum(waits) + 1)
                event_type = self.rng.choice(
                    [name for name in FREQUENCIES if name in place.scene.event_types]
                )
                moments.append((moment, event_type))
                self.tries_so_far[place.webhook_id, moment.isoformat()] = tries
        return moments

    def _event(self, moment: datetime, event_type: str) -> dict[str, Any]:
        event_id = self.recorder.new_id("evt", moment)
        envelope = encode_event(event_id, event_type, event_data(event_type, self.rng), moment=moment)
        event = {
            "id": event_id,
            "team_id": self.team_id,
            "type": event_type,
            "body": envelope.body,
            "idempotency_key": f"acme-{event_type}-{self.rng.randrange(16**10):010x}",
            "request_digest": envelope.digest,
            "is_test": False,
            "created_at": moment,
        }
        self.recorder.history.events.append(event)
        return event

    def _delivery(self, event: Mapping[str, Any], place: Place) -> dict[str, Any]:
        delivery = {
            "id": self.recorder.new_id("dlv", event["created_at"]),
            "team_id": self.team_id,
            "event_id": event["id"],
            "webhook_id": place.webhook_id,
            "event_type": event["type"],
            "state": "pending",
            "due_at": event["created_at"],
            "attempt_count": 0,
            "round_attempt_count": 0,
            "last_status": None,
            "last_error": None,
            "created_at": event["created_at"],
            "finished_at": None,
        }
        self.recorder.history.deliveries.append(delivery)
        return delivery

    def _apply(self, place: Place, pairs: Pairs) -> None:
        """Give the deliveries of one webhook the outcomes of its story; `pairs` are oldest first."""
        match place.scene.story:
            case "fine":
                self._apply_fine(place, pairs)
            case "flaky":
                self._apply_flaky(place, pairs)
            case "failing":
                self._apply_failing(place, pairs)
            case "paused":
                self._apply_paused(place, pairs)
            case "gone":
                self._apply_gone(place, pairs)

    def _apply_fine(self, place: Place, pairs: Pairs) -> None:
        live = LIVE_COUNT if place.scene.is_local else 0
        for event, delivery in pairs[: len(pairs) - live]:
            slow = [answers.timeout(place.scene)] if self.rng.random() < 0.006 and not live else []
            self.recorder.run(place, event, delivery, [*slow, answers.ok(place.scene, self.rng)])
        for _, delivery in pairs[len(pairs) - live :]:
            delivery["due_at"] = self.now + timedelta(seconds=self.rng.uniform(0, LIVE_SPREAD_S))

    def _apply_flaky(self, place: Place, pairs: Pairs) -> None:
        for event, delivery in pairs:
            tries_so_far = self._tries_so_far(place, event)
            tries: list[Answer] = []
            if tries_so_far:
                tries = [answers.some_failure(place.scene, self.rng) for _ in range(tries_so_far)]
                self.recorder.run(place, event, delivery, tries, goes_on=True)
                continue
            is_settled = event["created_at"] < self.now - _FRESH
            while is_settled and self.rng.random() < 0.22 and len(tries) <= place.scene.max_retries:
                tries.append(answers.some_failure(place.scene, self.rng))
            if len(tries) <= place.scene.max_retries:
                tries.append(answers.ok(place.scene, self.rng))
            self.recorder.run(place, event, delivery, tries)

    def _apply_failing(self, place: Place, pairs: Pairs) -> None:
        down = answers.unavailable(place.scene)
        retried = [pair for pair in pairs if self._tries_so_far(place, pair[0])]
        settled = [pair for pair in pairs if not self._tries_so_far(place, pair[0])]
        for index, (event, delivery) in enumerate(settled):
            is_down = index >= len(settled) - FAILED_IN_A_ROW
            # A few failed before the outage, too, so that the list of failures also has older ones.
            is_lost = is_down or self.rng.random() < 0.02
            tries = [down] * (place.scene.max_retries + 1) if is_lost else [answers.ok(place.scene, self.rng)]
            self.recorder.run(place, event, delivery, tries)
        for event, delivery in retried:
            self.recorder.run(place, event, delivery, [down] * self._tries_so_far(place, event), goes_on=True)
        self.recorder.history.failures_in_a_row[place.webhook_id] = FAILED_IN_A_ROW

    def _tries_so_far(self, place: Place, event: Mapping[str, Any]) -> int:
        return self.tries_so_far.get((place.webhook_id, event["created_at"].isoformat()), 0)

    def _apply_paused(self, place: Place, pairs: Pairs) -> None:
        paused_at = self.now - timedelta(hours=_PAUSED_HOURS_AGO)
        earlier, resumed = (self.now - timedelta(hours=ago) for ago in _EARLIER_PAUSE_HOURS_AGO)
        for event, delivery in pairs:
            if earlier <= event["created_at"] < resumed:
                delivery |= {"state": "cancelled", "due_at": None, "finished_at": resumed}
            elif event["created_at"] < paused_at:
                self.recorder.run(place, event, delivery, [answers.ok(place.scene, self.rng)])

    def _apply_gone(self, place: Place, pairs: Pairs) -> None:
        gone_at = self.now - timedelta(hours=_GONE_HOURS_AGO)
        is_gone = False
        for event, delivery in pairs:
            if event["created_at"] < gone_at:
                self.recorder.run(place, event, delivery, [answers.ok(place.scene, self.rng)])
            elif not is_gone:
                is_gone = True
                self.recorder.run(place, event, delivery, [answers.gone()])
        self.recorder.history.failures_in_a_row[place.webhook_id] = 1
