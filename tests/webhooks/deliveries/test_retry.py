"""Retrying by hand: what it does, when it is refused, and that it cannot race a claim."""

import threading
from datetime import timedelta

import pytest
from flask import Flask

from app.extensions import db
from app.lib import clock
from app.lib.errors import Conflict
from app.webhooks.dispatch import claims
from app.webhooks.services import deliveries as services
from tests.page import Page
from tests.people import People
from tests.webhooks.deliveries.factories import Factories

pytestmark = pytest.mark.postgresql


def retry_url(delivery_id: str) -> str:
    return f"/t/acme/deliveries/{delivery_id}/retry"


@pytest.mark.parametrize("state", ["failed", "cancelled", "succeeded", "pending"])
def test_retry_makes_it_due_now(people: People, page: Page, factories: Factories, state: str) -> None:
    [delivery] = factories.deliveries(
        factories.webhook(),
        1,
        state=state,
        attempt_count=4,
        round_attempt_count=4,
        at=clock.now() - timedelta(hours=1),
    )
    before = clock.now()

    answer = people.mel.post(retry_url(delivery))

    assert (answer.status_code, answer.location) == (303, f"/t/acme/deliveries/{delivery}")
    row = factories.read(delivery)
    assert (row.state, row.attempt_count, row.round_attempt_count) == ("pending", 4, 0)
    assert (bool(row.is_manual), row.lease, row.finished_at) == (True, None, None)
    assert before <= row.due_at <= clock.now()
    assert page.get(answer.location, people.mel).has_text("it will be sent in a moment")


def test_retry_is_refused_while_it_is_sent(people: People, page: Page, factories: Factories) -> None:
    ends_at = clock.now() + timedelta(seconds=30)
    [delivery] = factories.deliveries(factories.webhook(), 1, state="pending", lease="abc", due_at=ends_at)

    answer = people.mel.post(retry_url(delivery))

    assert page.get(answer.location, people.mel).has_text("being sent right now")
    assert factories.read(delivery).lease == "abc"


def test_retry_takes_over_from_a_sender_that_died(people: People, factories: Factories) -> None:
    ended_at = clock.now() - timedelta(seconds=1)
    [delivery] = factories.deliveries(factories.webhook(), 1, state="pending", lease="abc", due_at=ended_at)

    people.mel.post(retry_url(delivery))

    assert factories.read(delivery).lease is None


def test_retry_of_a_deleted_webhook_is_refused(people: People, page: Page, factories: Factories) -> None:
    webhook = factories.webhook("Old one", deleted_at=clock.now(), secret_sealed="")
    [delivery] = factories.deliveries(webhook, 1, state="failed")

    answer = people.mel.post(retry_url(delivery))

    assert page.get(answer.location, people.mel).has_text("“Old one” was deleted")
    assert factories.read(delivery).state == "failed"


@pytest.mark.parametrize("status", ["paused", "disabled"])
def test_retry_waits_for_a_webhook_that_is_not_active(
    people: People, page: Page, factories: Factories, status: str
) -> None:
    [delivery] = factories.deliveries(factories.webhook("Orders", status=status), 1, state="failed")

    answer = people.mel.post(retry_url(delivery))

    assert page.get(answer.location, people.mel).has_text(f"“Orders” is {status}: it will be sent once")
    assert factories.read(delivery).state == "pending"


def test_viewer_may_not_and_stranger_finds_nothing(people: People, factories: Factories) -> None:
    [delivery] = factories.deliveries(factories.webhook(), 1, state="failed")

    assert people.vic.post(retry_url(delivery)).status_code == 403
    assert people.charlie.post(retry_url(delivery)).status_code == 404
    assert people.charlie.post(f"/t/other/deliveries/{delivery}/retry").status_code == 404
    assert factories.read(delivery).state == "failed"


def test_delivery_is_never_both_retried_and_claimed(app: Flask, factories: Factories) -> None:
    """Whoever comes first: a claimed delivery is not retried, a retried one is claimed after it."""
    webhook = factories.webhook()
    ids = factories.deliveries(webhook, 40, state="pending", at=clock.now() - timedelta(seconds=5))
    claimed: set[str] = set()
    retried: list[str] = []
    barrier = threading.Barrier(2)

    def claim_all() -> None:
        with app.app_context():
            barrier.wait()
            for _ in range(10):
                with db.engine.begin() as connection:
                    taken = claims.claim(connection, {webhook: 4}, lease_s=60)
                claimed.update(row[0] for row in taken.rows)

    def retry_all() -> None:
        with app.app_context():
            barrier.wait()
            for delivery in ids:
                try:
                    services.retry(factories.team_id, delivery)
                    retried.append(delivery)
                except Conflict:
                    pass
                finally:
                    db.session.remove()

    threads = [threading.Thread(target=target) for target in (claim_all, retry_all)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for delivery in ids:
        row = factories.read(delivery)
        # A claim after the retry may hold it; a retry never takes the lease of one that is being sent.
        assert row.lease is not None if delivery in claimed else row.lease is None
    assert claimed
