"""Identifiers sort in the order in which they were made."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC

from app.lib import clock
from app.lib.ids import born_at, is_id, new_id


def test_ids_of_one_millisecond_sort_in_the_order_of_the_calls() -> None:
    # Far more calls than milliseconds pass, so that nearly every id shares its millisecond with the one before.
    made = [new_id("evt") for _ in range(5_000)]
    assert made == sorted(made)
    assert all(is_id(one, "evt") for one in made)


def test_ids_of_many_threads_are_distinct() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: new_id("evt"), range(5_000)))
    assert len(set(made)) == len(made)


def test_neighbours_differ_by_a_random_step() -> None:
    made = [int(new_id("evt")[4:], 36) for _ in range(1_000)]
    steps = {later - earlier for earlier, later in itertools.pairwise(made)}
    assert len(steps) == len(made) - 1


def test_an_id_knows_its_millisecond() -> None:
    before = int(clock.epoch_s() * 1000)
    moment = born_at(new_id("evt"))
    after = int(clock.epoch_s() * 1000)
    assert before <= round(moment.timestamp() * 1000) <= after
    assert moment.tzinfo is UTC
