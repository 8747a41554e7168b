"""Host names to addresses, on threads of our own: `getaddrinfo` with a deadline, and fair shares of the threads.

libcurl resolves on a pool of threads without shares: twenty names of one tenant that hang fill it, and the names of
all others wait behind them. Here each name is looked up once for all callers, callers wait until a
deadline only, and `lookup_queue` decides which name gets a thread. A thread whose name server is silent cannot be
stopped, and is counted until it returns.

The addresses are not checked against any rule here: that happens when a socket to one is opened.
"""

import logging
import os
import queue
import socket
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from app.lib.outbound.lookup_queue import Lane, Lookup, LookupQueue

log = logging.getLogger(__name__)

#: Many times the names that one owner's receivers have; a thread costs some 20 KB while it is used.
THREADS_MAX = 256
SLOW_THREADS_MAX = 16
WAITING_PER_OWNER_MAX = 100
#: A look-up this long makes its name one that may hang. Healthy ones take milliseconds, a repeated query 5 s.
SLOW_AFTER_S = 2.0
#: A name whose look-up has hung for this long fails at once for further callers.
STALLED_AFTER_S = 6.0
#: For how long an answer is cached. libcurl caches what it was given for a further minute.
ADDRESSES_VALID_S = 30.0
_ADDRESSES_MAX = 16
#: The least recently used are dropped; they then count as never seen.
_NAMES_MAX = 20_000

LookUp = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """The addresses of a name, preferred first; or why there are none, as an error kind and a sentence."""

    addresses: tuple[str, ...] = ()
    error_kind: str | None = None
    error_detail: str | None = None


NOT_FOUND = Answer((), "dns_failed", "The host name could not be resolved.")
NOT_IN_TIME = Answer((), "dns_timeout", "The host name was not resolved in time.")
TOO_MANY = Answer((), "dns_timeout", "Too many host names wait for name servers that are slow or silent.")


def system_look_up(host: str) -> list[str]:
    """Return the addresses of `host` as the system resolves names (hosts file, search domains, DNS), best first.

    Raises OSError when there are none. Takes as long as the system likes.
    """
    # As bytes: Python would pass text through its IDNA codec, which refuses names that DNS allows.
    found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    # The zone of a link-local address is cut off: such an address is refused in any case.
    return [str(address[0]).partition("%")[0] for *_, address in found]


@dataclass(slots=True)
class _Name:
    """What is cached about a name between look-ups."""

    lane: Lane = Lane.NEVER_SEEN
    answer: Answer | None = None
    valid_until_s: float = 0.0


class Question:
    """One caller's question for the addresses of a name."""

    __slots__ = ("host", "on_answer")

    def __init__(self, host: str, on_answer: Callable[[Answer], None]) -> None:
        self.host = host
        self.on_answer = on_answer


class Resolver:
    """Looks names up for any number of threads. One for each process is enough: `shared_resolver()`."""

    def __init__(
        self,
        look_up: LookUp = system_look_up,
        *,
        threads_max: int = THREADS_MAX,
        slow_threads_max: int = SLOW_THREADS_MAX,
        waiting_per_owner_max: int = WAITING_PER_OWNER_MAX,
        slow_after_s: float = SLOW_AFTER_S,
        stalled_after_s: float = STALLED_AFTER_S,
    ) -> None:
        self._look_up = look_up
        self._slow_after_s = slow_after_s
        self._stalled_after_s = stalled_after_s
        self._lock = threading.Lock()
        self._names: OrderedDict[str, _Name] = OrderedDict()
        self._questions: dict[str, tuple[Lookup, list[Question]]] = {}
        self._queue = LookupQueue(
            threads_max=threads_max,
            slow_threads_max=slow_threads_max,
            waiting_per_owner_max=waiting_per_owner_max,
        )

    @property
    def running(self) -> int:
        """How many look-ups hold a thread, including those that no caller waits for any more."""
        return self._queue.running

    def ask(self, host: str, *, owner: str, on_answer: Callable[[Answer], None]) -> Question:
        """Call `on_answer` with the addresses of `host`, once: here, if they are known, else on some thread.

        `host` is in lower case and ASCII. Shares are counted by `owner`. It may take very long: callers that do not
        want to wait longer call `cancel` with the question.
        """
        question = Question(host, on_answer)
        with self._lock:
            answer = self._answer_at_once(question, owner)
            started = [] if answer else self._take()
        self._start(started)
        if answer is not None:
            on_answer(answer)
        return question

    def cancel(self, question: Question) -> None:
        """Drop a question. Its `on_answer` may still be called, if it is being called already.

        A name without questions is not looked up, unless that has begun.
        """
        with self._lock:
            lookup, questions = self._questions.get(question.host, (None, []))
            if lookup is None or question not in questions:
                return
            questions.remove(question)
            if not questions and lookup.started_at_s is None:
                self._queue.discard(lookup)
                del self._questions[question.host]

    def resolve(self, host: str, *, owner: str, timeout_s: float) -> Answer:
        """Return the addresses of `host`, or NOT_IN_TIME after `timeout_s`."""
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        question = self.ask(host, owner=owner, on_answer=answers.put)
        try:
            return answers.get(timeout=timeout_s)
        except queue.Empty:
            self.cancel(question)
            return NOT_IN_TIME

    def _answer_at_once(self, question: Question, owner: str) -> Answer | None:
        """Return an answer that needs no look-up; else enqueue the question and return None."""
        now_s = monotonic()
        name = self._names.get(question.host) or _Name()
        if name.answer is not None and now_s < name.valid_until_s:
            return name.answer
        pending = self._questions.get(question.host)
        lookup, questions = pending or (Lookup(question.host, name.lane), [])
        if lookup.started_at_s is not None and now_s - lookup.started_at_s >= self._stalled_after_s:
            return NOT_IN_TIME
        if lookup.started_at_s is None and not self._queue.add(lookup, owner):
            return TOO_MANY
        questions.append(question)
        self._questions[question.host] = lookup, questions
        return None

    def _take(self) -> list[Lookup]:
        """Return all look-ups that may start now."""
        taken = []
        while (lookup := self._queue.take()) is not None:
            lookup.started_at_s = monotonic()
            taken.append(lookup)
        return taken

    def _start(self, lookups: Sequence[Lookup]) -> None:
        waiting = deque(lookups)
        while waiting:
            lookup = waiting.popleft()
            # Not a pool of `concurrent.futures`: Python would wait for its threads, and so for name servers, to exit.
            thread = threading.Thread(target=self._work, args=(lookup,), name="name-lookup", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                log.exception("No thread could be started to look a name up")
                waiting.extend(self._end(lookup, NOT_FOUND, 0.0))

    def _work(self, lookup: Lookup | None) -> None:
        while lookup is not None:
            began_s = monotonic()
            answer = self._look_up_now(lookup.host)
            next_lookups = self._end(lookup, answer, monotonic() - began_s)
            lookup = next_lookups.pop() if next_lookups else None
            self._start(next_lookups)

    def _look_up_now(self, host: str) -> Answer:
        try:
            addresses = tuple(dict.fromkeys(self._look_up(host)))[:_ADDRESSES_MAX]
        except OSError as error:
            reason = error.strerror or str(error)
            return Answer((), "dns_failed", f"The host name could not be resolved: {reason}.")
        except Exception:
            log.exception("A name could not be looked up")
            return NOT_FOUND
        return Answer(addresses) if addresses else NOT_FOUND

    def _end(self, lookup: Lookup, answer: Answer, took_s: float) -> list[Lookup]:
        """Give back the look-up's thread, answer those who wait for it, and return what may start now."""
        with self._lock:
            self._queue.end(lookup)
            self._remember(lookup.host, answer, took_s)
            _, questions = self._questions.pop(lookup.host)
            next_lookups = self._take()
        for question in questions:
            try:
                question.on_answer(answer)
            except Exception:
                log.exception("The answer to a name look-up could not be handed over")
        return next_lookups

    def _remember(self, host: str, answer: Answer, took_s: float) -> None:
        name = self._names[host] = self._names.get(host) or _Name()
        self._names.move_to_end(host)
        # Also when there are addresses in the end: a name server that takes its time on purpose holds threads as well.
        # One step down at a time: a name that worked may have lost a packet.
        if took_s >= self._slow_after_s:
            name.lane = Lane(min(name.lane + 1, Lane.SLOW_BEFORE))
        else:
            name.lane = Lane.RESOLVED_BEFORE if answer.addresses else Lane.NEVER_SEEN
        # Cached also when it came too late for its callers: the next attempt has it.
        name.answer = answer if answer.addresses else None
        name.valid_until_s = monotonic() + ADDRESSES_VALID_S
        if len(self._names) > _NAMES_MAX:
            self._names.popitem(last=False)


_shared: Resolver | None = None
_sharing = threading.Lock()


def shared_resolver() -> Resolver:
    """Return the resolver of this process."""
    global _shared
    with _sharing:
        if _shared is None:
            _shared = Resolver()
        return _shared


def _forget_shared() -> None:
    """Begin anew in a forked process, which has none of the threads and perhaps a locked lock."""
    global _shared, _sharing
    _shared, _sharing = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_shared)
