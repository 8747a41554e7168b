"""What one dead receiver costs the others."""

from collections.abc import Iterator

from bench import seed
from bench.programs import ProgramFailed
from bench.report import Figure, Target, over_rounds
from bench.sizes import Sizes
from bench.stage import Stage, fast_receiver

_OTHERS = 9
_PATIENCE_S = 120.0


def measure(stage: Stage, sizes: Sizes) -> Iterator[Figure]:
    """Yield the rate of nine webhooks with and without a tenth that accepts connections and never answers."""
    alone: list[float] = []
    beside: list[float] = []
    dead, dead_url = stage.receiver(None)
    with dead, fast_receiver(stage) as url:
        seeded = seed.new_team([url] * _OTHERS + [dead_url])
        others = seeded.webhook_ids[:_OTHERS]
        for _ in range(sizes.isolation_rounds):
            alone.append(_rate(stage, sizes, seeded, others, others))
            beside.append(_rate(stage, sizes, seeded, seeded.webhook_ids, others))
    ratios = [with_dead / without for with_dead, without in zip(beside, alone, strict=True)]
    yield over_rounds("isolation: nine webhooks alone", stage.database, alone, "/s")
    yield over_rounds("isolation: the nine beside a dead one", stage.database, beside, "/s")
    yield over_rounds(
        "isolation: beside ÷ alone", stage.database, ratios, "", target=Target(at_least=0.9), note="by round"
    )


def _rate(
    stage: Stage, sizes: Sizes, seeded: seed.Seeded, all_ids: list[str], counted_ids: list[str]
) -> float:
    event_count = sizes.deliveries // (_OTHERS + 1)
    seed.fill(seeded.team_id, all_ids, event_count)
    count = event_count * len(counted_ids)
    settings = {"webhook_ids": counted_ids, "count": count, "for_s": _PATIENCE_S, "is_clean": False}
    with stage.child("dispatching", settings) as child:
        answer = child.answer()
    if answer["count"] < count:
        raise ProgramFailed(
            f"Only {answer['count']} of {count} deliveries were recorded in {_PATIENCE_S:g} s"
        )
    return float(count / answer["elapsed_s"])
