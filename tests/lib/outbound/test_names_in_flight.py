"""Transfers whose host must be looked up: deadlines, shares, and connections that need no look-up."""

import time
from collections.abc import Iterator

import pytest

from app.lib.outbound import NOTHING_ALLOWED, Multi, Request, Resolver, Result, send
from tests.hostile_receivers import Receiver, answer_ok, never_answer
from tests.lib.outbound.conftest import LOOPBACK
from tests.name_servers import Names, silent_name

PATIENT_S = 60.0


@pytest.fixture
def names() -> Iterator[Names]:
    with Names() as answering:
        yield answering


@pytest.fixture
def multi(names: Names) -> Iterator[Multi]:
    with Multi(LOOPBACK, resolver=Resolver(names)) as opened:
        yield opened


def at(name: str, receiver: Receiver) -> str:
    """Return the receiver's URL with another name for its host."""
    return receiver.url.replace("127.0.0.1", name)


def patient(url: str, **more: object) -> Request:
    """Return a request that waits for its name longer than any test runs."""
    deadlines = {"dns_timeout_s": PATIENT_S, "connect_timeout_s": PATIENT_S, "timeout_s": PATIENT_S}
    return Request(url, **(deadlines | more))  # type: ignore[arg-type]


def drain(multi: Multi, *, but_for: int = 0) -> list[tuple[Request, Result]]:
    """Return what ends until only `but_for` are left."""
    ended = []
    while multi.in_flight > but_for:
        ended += multi.poll(10)
    return ended


def _forget(multi: Multi, name: str) -> None:
    """Let `name` need a look-up again, though its minute is not over and a connection is open."""
    multi._lookups._resolver._names[name].valid_until_s = 0.0
    for exchange in multi._idle:
        exchange.handle.setopt(exchange.handle.DNS_CACHE_TIMEOUT, 1)
        exchange.handle.setopt(exchange.handle.FRESH_CONNECT, 1)
    time.sleep(1.2)


def test_a_name_is_looked_up_once_for_all_that_begin_at_once(multi: Multi, names: Names) -> None:
    names.delay_s = 0.1
    with Receiver(answer_ok) as receiver:
        for _ in range(30):
            multi.add(Request(at("a.test", receiver)))
        results = [result for _, result in drain(multi)]
    assert {(result.status_code, result.error_kind) for result in results} == {(200, None)}
    assert names.asked == {"a.test": 1}
    for result in results:
        if not result.connection_reused:
            assert result.dns_ms is not None
            assert result.dns_ms >= 90
        assert (result.total_ms or 0) >= 90


def test_dead_names_of_one_owner_delay_nobody(multi: Multi, names: Names) -> None:
    with Receiver(answer_ok) as receiver:
        multi.add(Request(at("known.test", receiver), owner="a"))
        drain(multi)
        for number in range(5000):
            multi.add(patient(at(silent_name(number % 50), receiver), owner="a"))
        for name in ("known.test", "fresh.test"):
            multi.add(Request(at(name, receiver), owner="a", tag=name))
        multi.add(Request(at("other.test", receiver), owner="b", tag="other.test"))
        ended = drain(multi, but_for=5000)
        assert multi.resolving == 5000
        assert len(multi.cancel_all()) == 5000
    assert {request.tag: result.status_code for request, result in ended} == {
        "known.test": 200,
        "fresh.test": 200,
        "other.test": 200,
    }


def test_five_thousand_dead_names_of_one_owner_delay_no_other(multi: Multi, names: Names) -> None:
    with Receiver(answer_ok) as receiver:
        for number in range(5000):
            multi.add(patient(at(silent_name(number), receiver), owner="a"))
        multi.add(Request(at("fresh.test", receiver), owner="b"))
        ended = multi.poll(10)
        while not any(request.owner == "b" for request, _ in ended):
            ended += multi.poll(10)
    assert [result.status_code for request, result in ended if request.owner == "b"] == [200]


def test_a_name_that_hangs_ends_in_time_and_says_so(multi: Multi) -> None:
    began_s = time.monotonic()
    multi.add(Request(f"http://{silent_name(1)}/", dns_timeout_s=0.2))
    ((_, result),) = drain(multi)
    assert (result.error_kind, result.error_detail) == (
        "dns_timeout",
        "The host name was not resolved in time.",
    )
    assert time.monotonic() - began_s >= 0.2
    assert (result.dns_ms or 0) >= 200
    assert (result.total_ms or 0) >= 200


@pytest.mark.parametrize("deadline", ["dns_timeout_s", "connect_timeout_s", "timeout_s"])
def test_every_deadline_ends_a_look_up(multi: Multi, names: Names, deadline: str) -> None:
    multi.add(patient(f"http://{silent_name(1)}/", **{deadline: 0.05}))
    ((_, result),) = drain(multi)
    assert result.error_kind == "dns_timeout"
    result = send(patient(f"http://{silent_name(2)}/", **{deadline: 0.05}), resolver=Resolver(names))
    assert result.error_kind == "dns_timeout"


def test_a_look_up_counts_towards_the_total_deadline(multi: Multi, names: Names) -> None:
    names.delay_s = 0.4
    with Receiver(never_answer) as receiver:
        multi.add(Request(at("a.test", receiver), timeout_s=0.6))
        ((_, result),) = drain(multi)
    assert result.error_kind == "timeout_first_byte"
    assert (result.dns_ms or 0) >= 400
    assert 550 <= (result.total_ms or 0) < 950


def test_a_missing_name_fails_at_once(multi: Multi, names: Names) -> None:
    names.missing.add("a.test")
    multi.add(Request("http://a.test/"))
    ((_, result),) = drain(multi)
    assert result.error_kind == "dns_failed"
    assert send(Request("http://a.test/"), resolver=Resolver(names)).error_kind == "dns_failed"


def test_an_open_connection_needs_no_name_server(multi: Multi, names: Names) -> None:
    with Receiver(answer_ok) as receiver:
        url = at("a.silent.test", receiver)
        names.silent_suffix = ".nothing"
        multi.add(Request(url))
        drain(multi)
        names.silent_suffix = ".silent.test"
        # libcurl's own cache of the address must not make the test pass.
        for exchange in multi._idle:
            exchange.handle.setopt(exchange.handle.DNS_CACHE_TIMEOUT, 0)
        multi.add(Request(url))
        ((_, result),) = drain(multi)
    assert (result.status_code, result.connection_reused) == (200, True)
    assert result.dns_ms == 0.0
    assert names.asked == {"a.silent.test": 1}


def test_what_a_name_resolves_to_is_still_refused_at_the_socket(names: Names) -> None:
    names.addresses |= {"a.test": ["127.0.0.1", "10.0.0.1", "::1", "fe80::1"]}
    resolver = Resolver(names)
    with Receiver(answer_ok) as receiver, Multi(NOTHING_ALLOWED, resolver=resolver) as multi:
        multi.add(Request(at("a.test", receiver)))
        ((_, result),) = drain(multi)
        assert send(Request(at("a.test", receiver)), resolver=resolver).error_kind == "address_refused"
        assert receiver.connection_count == 0
    assert result.error_kind == "address_refused"


def test_allowed_addresses_of_a_name_are_tried_in_turn(multi: Multi, names: Names) -> None:
    names.addresses["a.test"] = ["10.0.0.1", "::1", "127.0.0.1"]
    with Receiver(answer_ok) as receiver:
        multi.add(Request(at("A.test", receiver)))
        ((_, result),) = drain(multi)
    assert (result.status_code, result.remote_address) == (200, "127.0.0.1")


def test_old_addresses_are_not_given_to_libcurl_again(multi: Multi, names: Names) -> None:
    """A handle keeps its options: libcurl must read the given addresses once, not with every later request."""
    with Receiver(answer_ok) as receiver:
        multi.add(Request(at("a.test", receiver)))
        drain(multi)
        names.addresses["a.test"] = ["10.0.0.1"]
        _forget(multi, "a.test")
        multi.add(Request(at("a.test", receiver)))
        ((_, result),) = drain(multi)
    assert result.error_kind == "address_refused"


def test_single_requests_share_what_is_known(names: Names) -> None:
    resolver = Resolver(names)
    with Receiver(answer_ok) as receiver:
        for _ in range(3):
            result = send(Request(at("a.test", receiver)), allowed=LOOPBACK, resolver=resolver)
            assert result.status_code == 200
    assert names.asked == {"a.test": 1}


def test_an_answer_wakes_the_one_who_polls(multi: Multi, names: Names) -> None:
    names.delay_s = 0.05
    names.missing.add("a.test")
    multi.add(Request("http://a.test/"))
    began_s = time.monotonic()
    multi.poll(30)
    assert time.monotonic() - began_s < 10


def test_answers_that_come_too_late_do_not_keep_the_loop_awake(multi: Multi, names: Names) -> None:
    multi.add(Request(f"http://{silent_name(1)}/", dns_timeout_s=0.05))
    drain(multi)
    names.answer_all()
    began_s = time.process_time()
    assert multi.poll(0.8) == []
    assert time.process_time() - began_s < 0.4


def test_closing_does_not_wait_for_name_servers(names: Names) -> None:
    multi = Multi(LOOPBACK, resolver=Resolver(names))
    for number in range(30):
        multi.add(patient(f"http://{silent_name(number)}/"))
    multi.poll(0.2)
    began_s = time.monotonic()
    multi.close()
    assert time.monotonic() - began_s < 5
    names.answer_all()
