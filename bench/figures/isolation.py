"""What one dead receiver, and fifty names that never resolve, cost the others."""

from collections.abc import Iterator

from bench import seed, servers
from bench.environment import Environment, fast_receiver
from bench.programs import ProgramFailed
from bench.report import Figure, Target, over_rounds, percentile
from bench.sizes import Sizes

_OTHERS = 9
_PATIENCE_S = 120.0
_DEAD_NAMES = 50
_DELIVERIES_EACH = 10
_FRESH_NAMES = 40


def measure(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield what the two cost."""
    yield from _dead_receiver(environment, sizes)
    yield from _dead_names(environment, sizes)


def _dead_receiver(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield the rate of nine webhooks with and without a tenth that accepts connections and never answers."""
    alone: list[float] = []
    beside: list[float] = []
    dead, dead_url = environment.receiver(None)
    with dead, fast_receiver(environment) as url:
        seeded = seed.new_team([url] * _OTHERS + [dead_url])
        others = seeded.webhook_ids[:_OTHERS]
        for _ in range(sizes.isolation_rounds):
            alone.append(_rate(environment, sizes, seeded, others, others))
            beside.append(_rate(environment, sizes, seeded, seeded.webhook_ids, others))
    ratios = [with_dead / without for with_dead, without in zip(beside, alone, strict=True)]
    yield over_rounds("isolation: nine webhooks alone", environment.database, alone, "/s")
    yield over_rounds("isolation: the nine beside a dead one", environment.database, beside, "/s")
    yield over_rounds(
        "isolation: beside ÷ alone",
        environment.database,
        ratios,
        "",
        target=Target(at_least=0.9),
        note="by round",
    )


def _dead_names(environment: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield the latency of a known name and of fresh ones, with and without names of the team that never resolve."""
    alone: dict[str, list[float]] = {"known": [], "fresh": []}
    beside: dict[str, list[float]] = {"known": [], "fresh": []}
    receiver, url = environment.receiver(0.0)
    with receiver:
        for _ in range(sizes.isolation_rounds):
            for dead_count, medians in ((0, alone), (_DEAD_NAMES, beside)):
                answer = _latencies(environment, url, dead_count)
                for kind, values in medians.items():
                    values.append(percentile(answer[f"{kind}_ms"], 0.5))
    for kind in alone:
        ratios = [with_dead / without for with_dead, without in zip(beside[kind], alone[kind], strict=True)]
        name = f"isolation: p50 of {kind} names"
        yield over_rounds(f"{name} alone", environment.database, alone[kind], "ms")
        yield over_rounds(f"{name} beside {_DEAD_NAMES} dead ones", environment.database, beside[kind], "ms")
        yield over_rounds(
            f"{name}: beside ÷ alone", environment.database, ratios, "", target=Target(below=1.2)
        )


def _latencies(environment: Environment, url: str, dead_count: int) -> dict[str, list[float]]:
    names = [
        "known.test",
        *(f"fresh{number}.test" for number in range(_FRESH_NAMES)),
        *(f"n{number}.dead.test" for number in range(dead_count)),
    ]
    seeded = seed.new_team([url.replace(servers.LOOPBACK, name) for name in names])
    known_id, *others = seeded.webhook_ids
    settings = {
        "team_id": seeded.team_id,
        "known_id": known_id,
        "fresh_ids": others[:_FRESH_NAMES],
        "dead_ids": others[_FRESH_NAMES:],
        "deliveries_each": _DELIVERIES_EACH,
    }
    with environment.child("beside_dead_names", settings) as child:
        answer = child.answer()
    if any(len(answer[key]) < _FRESH_NAMES for key in ("known_ms", "fresh_ms")):
        raise ProgramFailed(
            f"Only {len(answer['known_ms'])} and {len(answer['fresh_ms'])} deliveries arrived"
        )
    return answer


def _rate(
    environment: Environment, sizes: Sizes, seeded: seed.Seeded, all_ids: list[str], counted_ids: list[str]
) -> float:
    event_count = sizes.deliveries // (_OTHERS + 1)
    seed.fill(seeded.team_id, all_ids, event_count)
    count = event_count * len(counted_ids)
    settings = {"webhook_ids": counted_ids, "count": count, "for_s": _PATIENCE_S, "is_clean": False}
    with environment.child("dispatching", settings) as child:
        answer = child.answer()
    if answer["count"] < count:
        raise ProgramFailed(
            f"Only {answer['count']} of {count} deliveries were recorded in {_PATIENCE_S:g} s"
        )
    return float(count / answer["elapsed_s"])
