"""Limits: who may ask how often. Named policies, counted all or nothing, reported in headers.

policies           which limits there are, and what is used of one       (pure)
scripts            counts in Redis: windows, and sliding limits          (Lua)
process_counters   the same in the process                               (memory)
counters           one or the other, as Redis is there or away           (Redis)
enforcement        asks them for a request, and refuses                  (request)
strict             ten tries in any quarter of an hour                   (request)
unknown_addresses  requests that no route serves                         (request, Flask-Limiter)
headers            report what is left                         (response)
"""

from app.web.limits.counters import Counters, RedisUnavailable, counters
from app.web.limits.enforcement import (
    QuotaExceeded,
    enforce,
    provide_violation_hook,
    record_statuses,
    refuse,
    take_or_refuse,
    take_public,
    take_user,
)
from app.web.limits.headers import init_limits
from app.web.limits.policies import LimitStatus, Policy, key_day, key_hour, subject_of_address, team_hour
from app.web.limits.strict import strict
from app.web.limits.unknown_addresses import init_unknown_addresses, take_unknown_address

__all__ = [
    "Counters",
    "LimitStatus",
    "Policy",
    "QuotaExceeded",
    "RedisUnavailable",
    "counters",
    "enforce",
    "init_limits",
    "init_unknown_addresses",
    "key_day",
    "key_hour",
    "peek",
    "provide_violation_hook",
    "record_statuses",
    "refuse",
    "strict",
    "subject_of_address",
    "take_or_refuse",
    "take_public",
    "take_unknown_address",
    "take_user",
    "team_hour",
]


def peek(policies: list[Policy]) -> list[LimitStatus]:
    """Return what is used of each policy, in order, without counting."""
    return counters().peek(policies)
