"""Kill everything, again and again, while events come in: nothing that was accepted is ever lost."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db.session import reading
from app.events.models import Event
from app.extensions import db
from app.webhooks.models import Attempt, Delivery, DeliveryCount
from tests.chaos.cluster import Chaos, Cluster
from tests.chaos.emitter import Emitter
from tests.chaos.receiver import CountingReceiver
from tests.webhooks.dispatch.scene import wait_until

PATHS = ("/first", "/second", "/third")
LEASE_S = 6.0
TIMEOUT_S = 2
SEED = 20260101

pytestmark = [pytest.mark.chaos, pytest.mark.postgresql]


@pytest.fixture
def cluster(database_kind: str) -> Iterator[Cluster]:
    """Yield a running cluster."""
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)
        built = Cluster(database_kind, directory, lease_s=LEASE_S)
        try:
            built.open()
            yield built
        finally:
            built.close()


@pytest.mark.timeout(240)
def test_nothing_accepted_is_lost_in_a_little_chaos(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(cluster, capsys, count=300, per_s=40.0, rounds_min=1, pause_s=(0.2, 1.0))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nothing_accepted_is_lost_in_chaos(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    _run(cluster, capsys, count=5000, per_s=0.0, rounds_min=4, pause_s=(0.2, 2.5))


def _run(
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    *,
    count: int,
    per_s: float,
    rounds_min: int,
    pause_s: tuple[float, float],
) -> None:
    scene = cluster.scene
    with CountingReceiver() as receiver:
        hooks = {
            path: scene.add_webhook(
                receiver.url(path), timeout_s=TIMEOUT_S, max_retries=15, first_retry_s=1, retry_multiplier=1.0
            ).id
            for path in PATHS
        }
        emitter = Emitter(port=cluster.settings.port, token=cluster.new_token(), count=count, per_s=per_s)
        emitter.start()
        with Chaos(cluster, seed=SEED, pause_s=pause_s) as chaos:
            wait_until(lambda: emitter.is_done or chaos.failures, within_s=1200)
            # A bit beyond: what was accepted last meets some kills as well.
            rounds = max(rounds_min, chaos.rounds + 1)
            wait_until(lambda: chaos.rounds >= rounds or chaos.failures, within_s=240)
            emitter.stop()
            chaos.calm_down()
            assert chaos.failures == []
            assert emitter.surprises == []
            calm_s = time.monotonic()
            wait_until(scene.is_settled, within_s=90)
            _print(cluster, capsys, emitter, receiver, calm_s)
            accepted = set(emitter.accepted.values())
            assert len(accepted) == count
            for path in PATHS:
                assert receiver.ids_at(path) == accepted
            # Here, because programs that Chaos started end with its thread.
            _check_records(cluster, list(hooks.values()), count, receiver)


def _check_records(cluster: Cluster, webhook_ids: list[str], count: int, receiver: CountingReceiver) -> None:
    with cluster.app.app_context(), reading():
        assert db.session.scalar(select(func.count()).select_from(Event)) == count
        assert db.session.scalar(select(func.count()).select_from(Delivery)) == count * len(webhook_ids)
        attempts = db.session.scalar(select(func.count()).select_from(Attempt)) or 0
        assert attempts >= count * len(webhook_ids)
        # A dispatcher that died between sending and recording leaves no attempt; nothing else is missing.
        succeeded_attempts = (
            db.session.scalar(select(func.count()).select_from(Attempt).where(Attempt.error_kind.is_(None)))
            or 0
        )
        assert succeeded_attempts <= receiver.receipts.total()
        sums = db.session.execute(
            select(func.sum(DeliveryCount.attempts), func.sum(DeliveryCount.succeeded))
        ).one()
        assert tuple(sums) == (attempts, count * len(webhook_ids))
    for webhook_id in webhook_ids:
        assert cluster.scene.states(webhook_id) == {"succeeded": count}
        assert all(d.lease is None and d.due_at is None for d in cluster.scene.deliveries(webhook_id))
        webhook = cluster.scene.webhook(webhook_id)
        assert (webhook.status, webhook.consecutive_failures) == ("active", 0)
    assert "worker_process_failed" not in cluster.worker.output


def _print(
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    emitter: Emitter,
    receiver: CountingReceiver,
    calm_s: float,
) -> None:
    settled_s = time.monotonic()
    kills = ", ".join(f"{name} {times}" for name, times in sorted(cluster.kills.items()))
    emitting_s = emitter.ended_s - emitter.began_s
    count = len(emitter.accepted)
    lines = (
        f"chaos on {'SQLite' if cluster.settings.is_sqlite else 'PostgreSQL'}: {count} events x {len(PATHS)}"
        f" webhooks, {cluster.kills.total()} kills ({kills})",
        f"  accepted in {emitting_s:.1f} s ({count / emitting_s:.0f} events/s, {emitter.refusals} tries refused);"
        f" all delivered {settled_s - emitter.began_s:.1f} s after the first event,"
        f" {settled_s - calm_s:.1f} s after the last kill",
        f"  receipts {receiver.receipts.total()}, distinct {len(receiver.receipts)},"
        f" lost {count * len(PATHS) - len(receiver.receipts)}, duplicates {receiver.duplicates}; stack traces in logs: {cluster.tracebacks()}",
    )
    with capsys.disabled():
        print("\n" + "\n".join(lines))
