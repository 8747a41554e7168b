"""Which look-up gets the next thread, and the shares of owners."""

import pytest

from app.lib.outbound.lookup_queue import Lane, Lookup, LookupQueue


def queue(threads: int = 64, slow: int = 8, waiting: int = 1000) -> LookupQueue:
    return LookupQueue(threads_max=threads, slow_threads_max=slow, waiting_per_owner_max=waiting)


def fill(queue: LookupQueue, owner: str, count: int, lane: Lane = Lane.NEVER_SEEN) -> list[bool]:
    return [queue.add(Lookup(f"{owner}-{lane}-{index}", lane), owner) for index in range(count)]


def take_all(queue: LookupQueue) -> list[Lookup]:
    taken = []
    while (lookup := queue.take()) is not None:
        taken.append(lookup)
    return taken


def test_an_owner_alone_leaves_most_threads_free() -> None:
    waiting = queue(threads=64)
    fill(waiting, "a", 1000)
    assert len(take_all(waiting)) == 21  # With 21 running, 43 are left: half of them is 21.


@pytest.mark.parametrize("lane", Lane)
def test_however_many_owners_hang_another_one_finds_a_thread(lane: Lane) -> None:
    waiting = queue(threads=256, slow=64)
    for number in range(5):
        fill(waiting, f"dead {number}", 1000, lane)
        take_all(waiting)
    fill(waiting, "fresh", 1)
    assert [lookup.owner for lookup in take_all(waiting)] == ["fresh"]


def test_names_that_resolved_before_pass_those_never_seen() -> None:
    waiting = queue(threads=64)
    fill(waiting, "a", 1000)
    take_all(waiting)
    assert fill(waiting, "a", 3, Lane.RESOLVED_BEFORE) == [True] * 3
    assert [lookup.lane for lookup in take_all(waiting)] == [Lane.RESOLVED_BEFORE] * 3


def test_names_that_hung_share_few_threads_among_all_owners() -> None:
    waiting = queue(threads=64, slow=8)
    taken = 0
    for number in range(20):
        fill(waiting, f"dead {number}", 100, Lane.SLOW_BEFORE)
        taken += len(take_all(waiting))
    assert taken == 8
    fill(waiting, "a", 5)
    assert len(take_all(waiting)) == 5


def test_a_thread_given_back_goes_to_the_next() -> None:
    waiting = queue(threads=64, slow=4)
    fill(waiting, "a", 10, Lane.SLOW_BEFORE)
    first, *others = take_all(waiting)
    assert len(others) == 1
    waiting.end(first)
    assert [lookup.host for lookup in take_all(waiting)] == ["a-2-2"]


def test_owners_take_turns() -> None:
    waiting = queue(threads=64)
    fill(waiting, "a", 3)
    fill(waiting, "b", 3)
    assert [lookup.owner for lookup in take_all(waiting)] == ["a", "b", "a", "b", "a", "b"]


def test_an_owner_has_only_so_many_names_waiting() -> None:
    waiting = queue(waiting=5)
    assert fill(waiting, "a", 7) == [True] * 5 + [False] * 2
    assert fill(waiting, "b", 1) == [True]


def test_a_name_of_two_owners_starts_in_the_turn_of_the_freer_one_and_once() -> None:
    waiting = queue(threads=64)
    fill(waiting, "crowded", 100)
    take_all(waiting)
    common = Lookup("common.test", Lane.NEVER_SEEN)
    waiting.add(common, "crowded")
    waiting.add(common, "b")
    assert [(lookup.host, lookup.owner) for lookup in take_all(waiting)] == [("common.test", "b")]
    waiting.end(common)
    assert common.host not in [lookup.host for lookup in take_all(waiting)]


def test_a_discarded_name_does_not_start() -> None:
    waiting = queue()
    lookup = Lookup("a.test", Lane.NEVER_SEEN)
    waiting.add(lookup, "a")
    waiting.add(lookup, "b")
    waiting.discard(lookup)
    assert waiting.take() is None
    assert waiting.running == 0
