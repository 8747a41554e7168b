"""Moves the uses of keys from Redis, where each call counts them, to the database."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import cast

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from app.api_keys.verification.key_cache import LAST_USES, USAGE
from app.db.types import UtcDateTime
from app.extensions import db, redis_client
from app.lib import clock

_FLUSHING = ":flushing"
_FLUSH_LOCK = "signalbox:key-usage-flush"
#: Longer than its job may run.
_FLUSH_AT_MOST_S = 90

_USED = text(
    """
    UPDATE api_keys SET used_count = used_count + :used,
        last_used_at = COALESCE(:last_used_at, last_used_at), last_address = COALESCE(:last_address, last_address)
    WHERE id = :id
    """
).bindparams(bindparam("last_used_at", type_=UtcDateTime()))
# Selecting from the key leaves out what was counted for a key that is gone.
_HOUR = text(
    """
    INSERT INTO api_key_hours (api_key_id, hour, team_id, used, refused)
    SELECT id, :hour, team_id, :used, :refused FROM api_keys WHERE id = :id
    ON CONFLICT (api_key_id, hour) DO UPDATE SET
        used = api_key_hours.used + excluded.used, refused = api_key_hours.refused + excluded.refused
    """
).bindparams(bindparam("hour", type_=UtcDateTime()))
_CALLER = text(
    """
    INSERT INTO api_key_callers
        (kid, fingerprint, api_key_id, address, user_agent, used_count, first_seen_at, last_seen_at)
    SELECT :kid, :fingerprint, id, :address, :user_agent, :used, :now, :now FROM api_keys WHERE id = :id
    ON CONFLICT (kid, fingerprint) DO UPDATE SET
        used_count = api_key_callers.used_count + excluded.used_count, last_seen_at = excluded.last_seen_at
    """
).bindparams(bindparam("now", type_=UtcDateTime()))


def flush_usage() -> int:
    """Move what Redis counted to the database, in one transaction; returns how many uses. Raises RedisError.

        What is being moved has a Redis key of its own until it is stored: a flush that dies is repeated by the next one,
    and counted twice only if it died between commit and delete. While another one runs, nothing is done.
    """
    redis = redis_client()
    # Jobs that waited through an outage are taken by several workers at once.
    turn = redis.lock(_FLUSH_LOCK, timeout=_FLUSH_AT_MOST_S, blocking=False)
    if not turn.acquire():
        return 0
    try:
        return _flush(redis)
    finally:
        # It ends by itself where Redis is lost.
        with suppress(RedisError):
            turn.release()


def _flush(redis: Redis) -> int:
    for name in (USAGE, LAST_USES):
        if redis.exists(name):
            redis.renamenx(name, name + _FLUSHING)
    uses = {name: int(count) for name, count in _read(redis, USAGE + _FLUSHING).items()}
    last = _read(redis, LAST_USES + _FLUSHING)
    if uses or last:
        _store(db.session(), uses, last)
    redis.delete(USAGE + _FLUSHING, LAST_USES + _FLUSHING)
    return sum(count for name, count in uses.items() if name.startswith("used|"))


def _store(session: Session, uses: Mapping[str, int], last: Mapping[str, str]) -> None:
    now = clock.now()
    hours: dict[tuple[str, datetime], Counter[str]] = {}
    totals: Counter[str] = Counter()
    callers = []
    for name, count in uses.items():
        kind, key_id, *rest = name.split("|", 4)
        if kind == "caller":
            kid, address, user_agent = rest
            fingerprint = sha256(f"{address}|{user_agent}".encode()).hexdigest()[:32]
            values = {"kid": kid, "fingerprint": fingerprint, "address": address, "user_agent": user_agent}
            callers.append({**values, "id": key_id, "used": count, "now": now})
            continue
        hour = datetime.fromtimestamp(int(rest[1]), UTC)
        hours.setdefault((key_id, hour), Counter())[kind] += count
        totals[key_id] += count if kind == "used" else 0
    keys = []
    for key_id in sorted(totals.keys() | last.keys()):
        seconds, _, address = last.get(key_id, "").partition("|")
        at = datetime.fromtimestamp(int(seconds), UTC) if seconds else None
        keys.append(
            {"id": key_id, "used": totals[key_id], "last_used_at": at, "last_address": address or None}
        )
    counts = [
        {"id": key_id, "hour": hour, "used": count["used"], "refused": count["refused"]}
        for (key_id, hour), count in sorted(hours.items())
    ]
    for statement, rows in ((_USED, keys), (_HOUR, counts), (_CALLER, callers)):
        if rows:
            session.execute(statement, rows)
    session.commit()


def _read(redis: Redis, name: str) -> dict[str, str]:
    found = cast(dict[bytes, bytes], redis.hgetall(name))
    return {key.decode(): value.decode() for key, value in found.items()}
