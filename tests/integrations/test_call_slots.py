"""Calls that wait for slow services leave threads of the web server to everybody else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from flask import Flask

from app.integrations.services.call_slots import CallSlots, call_slot
from app.lib.errors import Unavailable


def hold(slots: CallSlots, team_id: str, until: threading.Event, held: threading.Barrier) -> None:
    with slots.taken(team_id):
        held.wait(60)
        until.wait(60)


def test_half_of_the_slots_is_the_most_that_one_team_has() -> None:
    slots, until, held = CallSlots(2), threading.Event(), threading.Barrier(2)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(hold, slots, "team_a", until, held)
        held.wait(60)
        try:
            with pytest.raises(Unavailable) as raised, slots.taken("team_a"):
                pass
            with slots.taken("team_b"):
                pass
        finally:
            until.set()
    assert raised.value.retry_after_s == 1
    with slots.taken("team_a"):
        pass


def test_no_more_than_all_slots_are_taken() -> None:
    slots, until, held = CallSlots(2), threading.Event(), threading.Barrier(3)
    with ThreadPoolExecutor(2) as threads:
        for team_id in ("team_a", "team_b"):
            threads.submit(hold, slots, team_id, until, held)
        held.wait(60)
        try:
            with pytest.raises(Unavailable), slots.taken("team_c"):
                pass
        finally:
            until.set()
    with slots.taken("team_c"):
        pass


def test_a_thread_keeps_the_slot_that_it_has() -> None:
    slots = CallSlots(1)
    with slots.taken("team_a"), slots.taken("team_a"):
        pass


def test_workers_need_no_slot(app: Flask) -> None:
    until, held = threading.Event(), threading.Barrier(2)

    def hold_in_request() -> None:
        with app.test_request_context(), call_slot("team_a"):
            held.wait(60)
            until.wait(60)

    with ThreadPoolExecutor(1) as threads, ExitStack() as stack:
        stack.callback(until.set)
        threads.submit(hold_in_request)
        held.wait(60)
        with app.test_request_context(), pytest.raises(Unavailable), call_slot("team_a"):
            pass
        with app.app_context(), call_slot("team_a"):
            pass
