"""Uses that a process counted alone while Redis was down: added to the others as soon as Redis is back."""

import threading
from collections import Counter
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from app.api_keys.verification.key_cache import LAST_USES, USAGE, Caller, Entry, use_fields
from app.extensions import AppSlot, quick_redis
from app.web.limits import counters

_PENDING_MAX = 50_000


@dataclass(slots=True)
class _Pending:
    """What one process counted alone."""

    guard: threading.Lock = field(default_factory=threading.Lock)
    uses: Counter[str] = field(default_factory=Counter)
    last: dict[str, str] = field(default_factory=dict)


_pending = AppSlot("pending_uses", _Pending)


def note_alone(entry: Entry, caller: Caller, *, is_refused: bool) -> None:
    """Count a call in this process, because Redis does not answer."""
    used, refused, key_id, last, old = use_fields(entry, caller)
    pending = _pending.get()
    with pending.guard:
        if len(pending.uses) > _PENDING_MAX:
            return
        pending.uses[refused if is_refused else used] += 1
        if not is_refused:
            pending.last[key_id] = last
            if old:
                pending.uses[old] += 1


def push_pending() -> None:
    """Move what was counted alone to Redis, if it is back."""
    pending = _pending.get()
    if not pending.uses or counters().is_away:
        return
    with pending.guard:
        uses, last = pending.uses, pending.last
        pending.uses, pending.last = Counter(), {}
    try:
        pipe = quick_redis().pipeline()
        for name, count in uses.items():
            pipe.hincrby(USAGE, name, count)
        if last:
            pipe.hset(LAST_USES, mapping=dict(last))
        pipe.execute()
    except RedisError as error:
        counters().note_failure(error)
        with pending.guard:
            pending.uses.update(uses)
            pending.last = last | pending.last
