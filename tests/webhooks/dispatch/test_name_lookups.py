"""Dead name servers of one team do not delay others, and failures do not show which names a network has."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from flask import Flask

from app.accounts.models import Team
from app.extensions import db
from app.lib.outbound import Resolver
from tests.name_servers import Names, silent_name
from tests.webhooks.dispatch.receivers import Receiver
from tests.webhooks.dispatch.scene import Hook, Scene, wait_until

#: Generous, because other things may use the machine; behind dead names it would be their time-outs, 6 s and more.
SOON_S = 5.0
DEAD = 50
DELIVERIES_EACH = 10


@pytest.fixture
def names(scene: Scene) -> Iterator[Names]:
    """Yield the names that the scene's dispatchers look up."""
    with Names() as answering:
        scene.resolver = Resolver(answering)
        yield answering


@pytest.fixture
def neighbour(app: Flask, scene: Scene) -> Scene:
    """Return a second team, dispatched together with the first."""
    with app.app_context():
        team = Team(slug="other", name="Other")
        db.session.add(team)
        db.session.commit()
        return Scene(app, team.id)


def at(name: str, receiver: Receiver) -> str:
    return receiver.url.replace("127.0.0.1", name)


def add_dead(scene: Scene, count: int = DEAD, **values: Any) -> list[Hook]:
    """Add webhooks whose names never resolve."""
    wanted: dict[str, Any] = {
        "event_types": ["post.failed"],
        "timeout_s": 30,
        "max_retries": 3,
        "first_retry_s": 3600,
    }
    return [
        scene.add_webhook(f"http://{silent_name(number)}/hook", **(wanted | values))
        for number in range(count)
    ]


def test_dead_names_delay_neither_their_own_team_nor_another(
    scene: Scene, neighbour: Scene, names: Names, receiver: Receiver
) -> None:
    add_dead(scene)
    known = scene.add_webhook(at("known.test", receiver), event_types=["post.published"])
    fresh = scene.add_webhook(at("fresh.test", receiver), event_types=["post.scheduled"])
    others = neighbour.add_webhook(at("others.test", receiver), event_types=["post.published"])
    with scene.dispatching():
        scene.emit()
        scene.wait_until_settled(known.id)
        scene.emit(DELIVERIES_EACH, event_type="post.failed")
        wait_until(lambda: len(names.asked) >= DEAD)
        began_s = time.monotonic()
        scene.emit(20)
        scene.emit(20, event_type="post.scheduled")
        neighbour.emit(20)
        scene.wait_until_settled(known.id, fresh.id, others.id)
        took_s = time.monotonic() - began_s
    assert took_s < SOON_S
    assert scene.states(known.id) == {"succeeded": 21}
    assert scene.states(fresh.id) == {"succeeded": 20}
    assert neighbour.states(others.id) == {"succeeded": 20}


@pytest.mark.slow
def test_a_thousand_dead_names_delay_no_other_team(
    scene: Scene, neighbour: Scene, names: Names, receiver: Receiver
) -> None:
    dead = add_dead(scene, 1000)
    others = neighbour.add_webhook(at("others.test", receiver))
    scene.emit(2, event_type="post.failed")
    with scene.dispatching():
        wait_until(lambda: names.asked)
        took_s = []
        for count in range(1, 21):
            began_s = time.monotonic()
            neighbour.emit()
            wait_until(lambda count=count: len(receiver.received) >= count)  # type: ignore[misc]
            took_s.append(time.monotonic() - began_s)
        wait_until(lambda: sum(len(scene.attempts(hook.id)) for hook in dead[-5:]) == 10)
    assert max(took_s) < SOON_S, took_s
    assert neighbour.states(others.id) == {"succeeded": 20}


def test_deliveries_that_wait_for_name_servers_take_no_room_from_others(
    scene: Scene, names: Names, receiver: Receiver
) -> None:
    """More of them than there is room in flight altogether."""
    add_dead(scene, 12)
    fast = scene.add_webhook(at("a.test", receiver), event_types=["post.published"])
    scene.emit(4, event_type="post.failed")
    with scene.dispatching(dispatch_in_flight_max=24, dispatch_in_flight_per_webhook_max=4):
        wait_until(lambda: len(names.asked) >= 12)
        scene.emit(100)
        began_s = time.monotonic()
        scene.wait_until_settled(fast.id)
        took_s = time.monotonic() - began_s
    assert took_s < SOON_S
    assert scene.states(fast.id) == {"succeeded": 100}


def test_more_dead_names_than_are_looked_up_at_once_fail_and_are_tried_again(
    scene: Scene, names: Names, receiver: Receiver
) -> None:
    scene.resolver = Resolver(names, threads_max=8, waiting_per_owner_max=2)
    dead = add_dead(scene, 12, timeout_s=1)
    scene.emit(2, event_type="post.failed")
    with scene.dispatching():
        wait_until(lambda: all(len(scene.attempts(hook.id)) == 2 for hook in dead))
    for hook in dead:
        assert {attempt.error_kind for attempt in scene.attempts(hook.id)} == {"dns_failed"}
        assert scene.states(hook.id) == {"pending": 2}
    assert len(names.asked) <= 5


def test_a_dispatcher_that_stops_gives_back_what_waits_for_name_servers(scene: Scene, names: Names) -> None:
    (hook,) = add_dead(scene, 1)
    scene.emit(3, event_type="post.failed")
    with scene.dispatching():
        wait_until(lambda: names.asked)
    assert scene.attempts(hook.id) == []
    assert {(delivery.state, delivery.lease) for delivery in scene.deliveries(hook.id)} == {("pending", None)}
    assert not scene.is_settled(hook.id)


def test_a_name_that_hung_is_delivered_to_once_it_answers(
    scene: Scene, names: Names, receiver: Receiver
) -> None:
    hook = scene.add_webhook(at(silent_name(1), receiver), timeout_s=1, max_retries=3)
    scene.emit()
    with scene.dispatching():
        wait_until(lambda: scene.attempts(hook.id))
        names.answer_all()
        scene.wait_until_settled(hook.id)
    assert scene.states(hook.id) == {"succeeded": 1}
    assert scene.attempts(hook.id)[0].error_kind == "dns_failed"


def test_whether_a_name_exists_or_is_private_looks_the_same_to_tenants_and_not_to_operators(
    scene: Scene, names: Names, receiver: Receiver
) -> None:
    names.missing.add("missing.test")
    names.addresses |= {"private.test": ["10.1.2.3"], "metadata.test": ["169.254.169.254"]}
    urls = [f"http://{name}.test/" for name in ("missing", "private", "metadata")]
    hooks = [scene.add_webhook(url, timeout_s=1) for url in (*urls, f"http://{silent_name(1)}/")]
    with structlog.testing.capture_logs() as logged:
        scene.emit()
        scene.deliver()
    shown = set()
    for hook in hooks:
        attempt, delivery = scene.attempt(hook.id), scene.delivery(hook.id)
        timings = (
            attempt.dns_ms,
            attempt.connect_ms,
            attempt.tls_ms,
            attempt.first_byte_ms,
            attempt.total_ms,
        )
        shown.add((attempt.error_kind, attempt.error_detail, attempt.remote_address, timings))
        shown.add((delivery.last_error, attempt.error_detail, attempt.response_body, (None,) * 5))
        assert sum(count.total_ms for count in scene.counts(hook.id)) == 0
    assert len(shown) == 1
    told = {entry["webhook_id"]: entry for entry in logged if entry["event"] == "webhook_host_unusable"}
    kinds = [told[hook.id]["error_kind"] for hook in hooks]
    assert kinds == ["dns_failed", "address_refused", "address_refused", "dns_timeout"]
    assert "10.1.2.3" in told[hooks[1].id]["reason"]
    assert told[hooks[1].id]["team_id"] == scene.team_id


def test_events_about_failing_webhooks_have_the_same_error(scene: Scene, names: Names) -> None:
    names.addresses["private.test"] = ["10.1.2.3"]
    scene.add_webhook("http://private.test/", event_types=["post.*"])
    scene.emit(10)
    scene.deliver()
    told = [
        envelope["data"]["last_error"]
        for kind in ("failing", "disabled")
        for envelope in scene.events_of_type(f"signalbox.webhook.{kind}")
    ]
    assert set(told) == {"dns_failed"}
