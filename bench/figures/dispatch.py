"""Deliveries per second of one dispatching process, beside the bare transport and beside one job for each."""

from collections.abc import Iterator

from sqlalchemy import select

from app.extensions import db
from app.webhooks.dispatch.targets import USER_AGENT
from app.webhooks.models import Delivery
from bench import seed
from bench.environment import Environment, fast_receiver
from bench.programs import ProgramFailed
from bench.report import Figure, Target, over_rounds
from bench.sizes import Sizes

_WEBHOOKS = 10
_KINDS = ("select", "epoll")
_IN_FLIGHT = 32 * _WEBHOOKS
_PATIENCE_S = 120.0
_BARE = "pycurl CurlMulti with the same body, headers and requests in flight: each signed; nothing checked or recorded"
_PREPARED = "the same with one prepared request sent over and over: what this machine and libcurl can do"
_OURS = f"{_WEBHOOKS} webhooks, fsync on; signed, every attempt and state committed; one process, cold connections"


def measure(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield rates and ratios. Each round runs the bare transport both ways, then ours."""
    ours: list[float] = []
    cpu_us: list[float] = []
    bare: list[float] = []
    prepared: list[float] = []
    ratios: list[float] = []
    with fast_receiver(environment) as url:
        seeded = seed.new_team([url] * _WEBHOOKS)
        for _ in range(sizes.rounds):
            count = seed.fill(seeded.team_id, seeded.webhook_ids, sizes.deliveries // _WEBHOOKS)
            fastest = max(_bare(environment, url, count, kind, is_signed=True) for kind in _KINDS)
            prepared.append(max(_bare(environment, url, count, kind, is_signed=False) for kind in _KINDS))
            answer = dispatched(environment, seeded.webhook_ids, count)
            rate = count / answer["elapsed_s"]
            ours.append(rate)
            cpu_us.append(answer["cpu_s"] / count * 1e6)
            bare.append(fastest)
            ratios.append(rate / fastest)
        one_each = [_one_job_each(environment, seeded, sizes.one_job_each) for _ in range(2)]
    database = environment.database
    yield over_rounds("dispatch: deliveries", database, ours, "/s", note=_OURS)
    yield over_rounds("dispatch: processor time of the process", database, cpu_us, "µs/delivery")
    yield over_rounds("dispatch: bare transport", database, bare, "requests/s", note=_BARE)
    yield over_rounds(
        "dispatch ÷ bare transport", database, ratios, "", target=Target(at_least=0.25), note="by round"
    )
    yield over_rounds("dispatch: prepared request", database, prepared, "requests/s", note=_PREPARED)
    yield over_rounds(
        "dispatch ÷ prepared request",
        database,
        [mine / theirs for mine, theirs in zip(ours, prepared, strict=True)],
        "",
        note="by round",
    )
    yield over_rounds(
        "dispatch: one RQ job for each delivery",
        database,
        one_each,
        "/s",
        note="RQ's SimpleWorker, one process, `send()` and an ORM commit in each job",
    )
    times = [rate / max(one_each) for rate in ours]
    yield over_rounds("dispatch ÷ one job for each", database, times, "", target=Target(at_least=40))


def dispatched(environment: Environment, webhook_ids: list[str], count: int, **env: str) -> dict[str, float]:
    """Let one process dispatch; return its answer once the database confirms that all is recorded."""
    settings = {"webhook_ids": webhook_ids, "count": count, "for_s": _PATIENCE_S, "is_clean": True}
    with environment.child("dispatching", settings, **env) as child:
        answer: dict[str, float] = child.answer()
        child.process.wait(30)
    succeeded, attempts = seed.recorded(webhook_ids)
    if not succeeded == attempts == count == answer["count"]:
        raise ProgramFailed(
            f"{count} were due, {answer['count']} recorded, {succeeded} succeeded, {attempts} attempts"
        )
    return answer


def _bare(environment: Environment, url: str, count: int, kind: str, *, is_signed: bool) -> float:
    headers = ["Expect:", "Accept:", "content-type: application/json", f"user-agent: {USER_AGENT}"]
    settings = {
        "url": url,
        "count": count,
        "in_flight": _IN_FLIGHT,
        "headers": headers,
        "body": "x" * 1024,
        "kind": kind,
        "is_signed": is_signed,
    }
    with environment.child("bare", settings) as child:
        return float(count / child.answer()["elapsed_s"])


def _one_job_each(environment: Environment, seeded: seed.Seeded, count: int) -> float:
    due = seed.fill(seeded.team_id, seeded.webhook_ids, count // _WEBHOOKS)
    with db.engine.connect() as connection:
        delivery_ids = list(connection.execute(select(Delivery.id)).scalars())
    with environment.child("one_job_each", {"delivery_ids": delivery_ids}) as child:
        answer = child.answer()
        child.process.wait(30)
    succeeded, attempts = seed.recorded(seeded.webhook_ids)
    if not succeeded == attempts == due:
        raise ProgramFailed(
            f"{due} jobs, {answer['failed']} failed, {succeeded} succeeded, {attempts} attempts"
        )
    return due / float(answer["elapsed_s"])
