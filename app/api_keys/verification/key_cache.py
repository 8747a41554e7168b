"""Redis cache of the keys in use, so that one round trip verifies a key and takes its limits.

Under the public part of a key stands a hash: the version of the key's row, an HMAC of the whole key under a pepper,
and what verification needs to know. Every change of a key raises its version and is followed by `invalidate()`, which
leaves a tombstone: a check that began before the change cannot put the old state back, because older versions are
refused. Entries end by themselves, so a change that did not reach Redis takes effect within ENTRY_S.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import orjson
from redis import Redis
from redis.exceptions import RedisError

from app.extensions import quick_redis
from app.lib import clock
from app.web.limits import LimitStatus, Policy, RedisUnavailable, counters, key_day, key_hour, team_hour
from app.web.limits.scripts import TAKE_LUA, arguments_of, taken

ENTRY_S = 300
#: Longer than any check that began before the change can take.
_TOMBSTONE_S = 900
_FLIGHT_MS = 3_000
USAGE = "signalbox:key-usage"
LAST_USES = "signalbox:key-last-uses"
_USER_AGENT_CHARS_MAX = 300

_CHECK = (
    TAKE_LUA
    + """
local stored = redis.call('HMGET', KEYS[1], 'version', 'digest')
if not stored[1] or stored[2] == '-' then return {'MISS'} end
if stored[2] ~= ARGV[2] then return {'MISMATCH'} end
if stored[1] ~= ARGV[1] then return {'STALE', stored[1], redis.call('HGET', KEYS[1], 'entry')} end
if ARGV[3] == 'look' then return {'ok'} end
local answer = take(4, #KEYS - 3, 9)
if answer[1] == 0 then
  redis.call('HINCRBY', KEYS[2], ARGV[4], 1)
  redis.call('HSET', KEYS[3], ARGV[6], ARGV[7])
  if ARGV[8] ~= '' then redis.call('HINCRBY', KEYS[2], ARGV[8], 1) end
else
  redis.call('HINCRBY', KEYS[2], ARGV[5], 1)
end
return {'ok', unpack(answer)}
"""
)
_FILL = """
local version = redis.call('HGET', KEYS[1], 'version')
if version and tonumber(version) > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'digest', ARGV[2], 'entry', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""
_INVALIDATE_OLDER = """
local version = redis.call('HGET', KEYS[1], 'version')
if not version or tonumber(version) >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """The cached state of a key. `ends_at_s`: Unix time from which it is refused, by expiry or end of grace."""

    kid: str
    version: int
    key_id: str
    name: str
    team_id: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    per_hour: int
    per_day: int
    team_per_hour: int
    ends_at_s: float | None
    is_test: bool
    #: It was replaced and works until the end of its grace.
    is_previous: bool

    def policies(self) -> list[Policy]:
        """Return the limits of a call with this key. A regenerated key keeps what was used: it is the same key."""
        return [
            key_hour(self.key_id, self.per_hour),
            key_day(self.key_id, self.per_day),
            team_hour(self.team_id, self.team_per_hour),
        ]


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a key is presented from."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of Redis: `word` is MISS, MISMATCH, STALE (then `entry` is the new one) or ok (then statuses)."""

    word: str
    entry: Entry | None = None
    statuses: Sequence[LimitStatus] = ()
    is_first_refusal: bool = False


class KeyCache:
    """The scripts of one process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._check = redis.register_script(_CHECK)
        self._fill = redis.register_script(_FILL)
        self._invalidate_older = redis.register_script(_INVALIDATE_OLDER)

    def check(self, kid: str, digest: str, entry: Entry | None, caller: Caller | None) -> Answer:
        """Ask whether `digest` is the key's, `entry` is its newest state, and there is room in its limits.

        Counts the use if all of this holds. With `caller` None nothing is counted. Raises RedisUnavailable.
        """
        keys: list[str] = [_entry_key(kid)]
        arguments: list[Any] = [entry.version if entry else 0, digest]
        policies: Sequence[Policy] = ()
        if entry is None or caller is None:
            arguments.append("look")
        else:
            policies = entry.policies()
            keys += [USAGE, LAST_USES, *(policy.counter for policy in policies)]
            arguments += ["take", *use_fields(entry, caller), *arguments_of(policies)]
        word, *rest = counters().run(self._check, keys, arguments)
        word = word.decode()
        if word == "STALE":
            return Answer(word, _unpacked(kid, int(rest[0]), rest[1]))
        if word != "ok" or not rest:
            return Answer(word)
        statuses, is_first = taken(policies, rest)
        return Answer(word, entry, statuses, is_first)

    def fill(self, entry: Entry, digest: str) -> None:
        """Store a key that was verified the slow way, unless a newer state is cached. Raises RedisUnavailable."""
        body = orjson.dumps(astuple(entry)[2:])
        counters().run(self._fill, [_entry_key(entry.kid)], [entry.version, digest, body, ENTRY_S])

    def invalidate(self, kids: Iterable[str], version: int) -> bool:
        """Write tombstones. Returns whether Redis took them; tries even if it failed a moment ago."""
        try:
            for kid in kids:
                self._fill(keys=[_entry_key(kid)], args=[version, "-", "", _TOMBSTONE_S])
        except RedisError as error:
            counters().note_failure(error)
            return False
        return True

    def invalidate_older(self, kids: Iterable[str], version: int) -> int:
        """Remove states older than `version`, if there are any; returns how many. Raises RedisError."""
        return sum(int(self._invalidate_older(keys=[_entry_key(kid)], args=[version])) for kid in kids)

    def begin_flight(self, digest: str) -> bool:
        """Return whether this process should check this secret slowly; else another one does. Raises RedisUnavailable.

        By the digest of the whole key: its holder does not wait for checks of wrong guesses.
        """
        if counters().is_away:
            raise RedisUnavailable
        try:
            return bool(self._redis.set(_flight_key(digest), 1, nx=True, px=_FLIGHT_MS))
        except RedisError as error:
            counters().note_failure(error)
            raise RedisUnavailable from error

    def end_flight(self, digest: str) -> None:
        """Let others check the secret the slow way."""
        try:
            self._redis.delete(_flight_key(digest))
        except RedisError as error:
            counters().note_failure(error)


def invalidate(kids: Iterable[str | None], version: int) -> bool:
    """Invalidate these keys' states older than `version` in every process. Call it after the commit of the change.

    Returns False when Redis did not answer: old states then end after ENTRY_S at the latest, or earlier, when the
    periodic job repeats this.
    """
    return KeyCache(quick_redis()).invalidate([kid for kid in kids if kid], version)


def use_fields(entry: Entry, caller: Caller) -> list[str]:
    """Return the fields under which a use is counted: used, refused, the key, where and when last, the caller."""
    now_s = int(clock.epoch_s())
    where = f"{entry.key_id}|{entry.team_id}|{now_s - now_s % 3600}"
    old = (
        f"caller|{entry.key_id}|{entry.kid}|{caller.address}|{caller.user_agent}" if entry.is_previous else ""
    )
    return [f"used|{where}", f"refused|{where}", entry.key_id, f"{now_s}|{caller.address}", old]


def caller_of(address: str | None, user_agent: str | None) -> Caller:
    """Return the caller as it is counted."""
    return Caller(address or "unknown", (user_agent or "").replace("|", "/")[:_USER_AGENT_CHARS_MAX])


def _entry_key(kid: str) -> str:
    return f"signalbox:key:{kid}"


def _flight_key(digest: str) -> str:
    return f"signalbox:key-flight:{digest}"


def _unpacked(kid: str, version: int, body: bytes) -> Entry:
    key_id, name, team_id, scopes, networks, *rest = orjson.loads(body)
    return Entry(kid, version, key_id, name, team_id, tuple(scopes), tuple(networks), *rest)
