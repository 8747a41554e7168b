"""Names are looked up once for all callers; waiting has a deadline; hanging threads are counted and not reused."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from app.config import PROJECT_DIR
from app.lib.outbound.hosts import Host, host_of
from app.lib.outbound.resolver import NOT_FOUND, NOT_IN_TIME, TOO_MANY, Answer, Resolver, system_look_up
from tests.name_servers import Names, silent_name
from tests.webhooks.dispatch.scene import wait_until

FOUND = Answer(("127.0.0.1",))
SOON_S = 10.0


@pytest.fixture
def names() -> Iterator[Names]:
    with Names() as answering:
        yield answering


def test_a_name_is_looked_up_once_for_all_who_ask(names: Names) -> None:
    resolver = Resolver(names)
    answers: list[Answer] = []
    for owner in ("a", "b") * 20:
        resolver.ask(silent_name(1), owner=owner, on_answer=answers.append)
    wait_until(lambda: names.asked[silent_name(1)])
    names.answer_all()
    wait_until(lambda: len(answers) == 40)
    assert set(answers) == {FOUND}
    assert names.asked[silent_name(1)] == 1
    assert resolver.running == 0


def test_an_answer_is_given_again_without_a_look_up(names: Names) -> None:
    resolver = Resolver(names)
    assert resolver.resolve("a.test", owner="a", timeout_s=SOON_S) == FOUND
    assert resolver.resolve("a.test", owner="b", timeout_s=0.0) == FOUND
    assert names.asked["a.test"] == 1


def test_a_missing_name_is_asked_for_again(names: Names) -> None:
    resolver = Resolver(names)
    names.missing.add("a.test")
    answer = resolver.resolve("a.test", owner="a", timeout_s=SOON_S)
    assert answer.error_kind == "dns_failed"
    assert "Name or service not known" in (answer.error_detail or "")
    names.missing.clear()
    assert resolver.resolve("a.test", owner="a", timeout_s=SOON_S) == FOUND


def test_who_waits_has_a_deadline_and_the_thread_stays_counted(names: Names) -> None:
    resolver = Resolver(names)
    assert resolver.resolve(silent_name(1), owner="a", timeout_s=0.05) == NOT_IN_TIME
    assert resolver.running == 1
    names.answer_all()
    wait_until(lambda: resolver.running == 0)


def test_an_answer_that_came_too_late_serves_the_next_attempt(names: Names) -> None:
    resolver = Resolver(names)
    resolver.resolve(silent_name(1), owner="a", timeout_s=0.05)
    names.answer_all()
    wait_until(lambda: resolver.running == 0)
    assert resolver.resolve(silent_name(1), owner="a", timeout_s=0.0) == FOUND
    assert names.asked[silent_name(1)] == 1


def test_a_name_that_has_hung_for_long_keeps_nobody_waiting(names: Names) -> None:
    resolver = Resolver(names, stalled_after_s=0.0)
    resolver.ask(silent_name(1), owner="a", on_answer=lambda _: None)
    assert resolver.resolve(silent_name(1), owner="b", timeout_s=3600) == NOT_IN_TIME


def test_dead_names_of_one_owner_leave_threads_to_others_and_to_names_that_resolved_before(
    names: Names,
) -> None:
    resolver = Resolver(names)
    resolver.resolve("known.test", owner="a", timeout_s=SOON_S)
    resolver._names["known.test"].valid_until_s = 0.0
    for number in range(5000):
        resolver.ask(silent_name(number), owner="a", on_answer=lambda _: None)
    assert resolver.running < 100
    for owner, host in (("a", "known.test"), ("b", "fresh.test"), ("", "operator.test")):
        assert resolver.resolve(host, owner=owner, timeout_s=SOON_S) == FOUND


def test_fifty_dead_names_do_not_delay_a_fresh_name_of_the_same_owner(names: Names) -> None:
    resolver = Resolver(names)
    for number in range(50):
        resolver.ask(silent_name(number), owner="a", on_answer=lambda _: None)
    assert resolver.resolve("fresh.test", owner="a", timeout_s=SOON_S) == FOUND


def test_names_beyond_the_share_are_refused_at_once_and_those_given_up_are_not_looked_up(
    names: Names,
) -> None:
    resolver = Resolver(names, threads_max=6, waiting_per_owner_max=2)
    answers: list[Answer] = []
    questions = [
        resolver.ask(silent_name(number), owner="a", on_answer=answers.append) for number in range(6)
    ]
    assert resolver.running == 2
    assert answers == [TOO_MANY] * 2
    for question in questions:
        resolver.cancel(question)
    names.answer_all()
    wait_until(lambda: resolver.running == 0)
    assert answers == [TOO_MANY] * 2
    assert sum(names.asked.values()) == 2


def test_a_name_that_hung_before_waits_behind_others(names: Names) -> None:
    resolver = Resolver(names, slow_threads_max=1, slow_after_s=0.0)
    for number in range(3):
        resolver.resolve(f"slow{number}.test", owner="a", timeout_s=SOON_S)
        resolver._names[f"slow{number}.test"].valid_until_s = 0.0
    names.silent_suffix = ".test"
    for number in range(3):
        resolver.ask(f"slow{number}.test", owner="a", on_answer=lambda _: None)
    assert resolver.running == 1
    resolver.ask("fresh.test", owner="a", on_answer=lambda _: None)
    assert resolver.running == 2


def test_a_look_up_that_breaks_is_an_answer_too() -> None:
    def broken(host: str) -> list[str]:
        raise UnicodeError(host)

    assert Resolver(broken).resolve("a.test", owner="a", timeout_s=SOON_S) == NOT_FOUND


def test_without_threads_everybody_gets_an_answer(monkeypatch: pytest.MonkeyPatch, names: Names) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    resolver = Resolver(names)
    assert resolver.resolve("a.test", owner="a", timeout_s=SOON_S) == NOT_FOUND
    assert resolver.running == 0


def test_the_system_finds_its_hosts_file_and_says_what_it_does_not_find() -> None:
    assert set(system_look_up("localhost")) <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError):
        system_look_up("x" * 70 + ".invalid")


def test_a_process_ends_though_look_ups_hang() -> None:
    program = (
        "import threading; from app.lib.outbound.resolver import Resolver;"
        "resolver = Resolver(lambda host: threading.Event().wait());"
        "print(resolver.resolve('a.test', owner='', timeout_s=0.01).error_kind, resolver.running)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT_DIR, capture_output=True, text=True, timeout=60
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("dns_timeout 1\n", "", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_a_resolver_of_its_own() -> None:
    program = (
        "import os; from app.lib.outbound.resolver import shared_resolver;"
        "before = shared_resolver(); before._lock.acquire();"
        "child = os.fork();"
        "child or os._exit(0 if shared_resolver().resolve('localhost', owner='', timeout_s=30).addresses else 1);"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shared_resolver() is before)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT_DIR, capture_output=True, text=True, timeout=60
    )
    assert (ended.stdout, ended.returncode) == ("0 True\n", 0)


@pytest.mark.parametrize(
    ("url", "name", "port"),
    [
        ("https://Example.COM/a?b#c", "example.com", 443),
        ("http://a.test.:8080", "a.test.", 8080),
        ("http://[2001:db8::1]:81/", "2001:db8::1", 81),
        ("http://a.test:99999/", "", 0),
        ("http://", "", 80),
    ],
)
def test_the_host_of_a_url(url: str, name: str, port: int) -> None:
    assert host_of(url) == Host(name, port)


@pytest.mark.parametrize(
    "name", ["*", "*.test", "-a.test", "a..test", "a,b", "a.test:80", "", "a" * 300, "ü.test"]
)
def test_what_could_mean_more_than_one_host_to_libcurl_is_no_name(name: str) -> None:
    assert not Host(name, 80).is_name
