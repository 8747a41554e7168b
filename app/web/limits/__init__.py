"""Limits: who may ask how often. Named policies, counted all or nothing, told in headers.

policies   which limits there are, and what is used of one     (pure)
counters   counts in Redis; alone while Redis is away          (Redis)
strict     ten tries in a quarter of an hour, to the second    (Redis, Flask-Limiter)
gate       asks them for a request, and refuses                (request)
headers    tells the caller what is left                       (response)
"""

from app.web.limits.counters import Counters, RedisUnavailable, counters
from app.web.limits.enforcement import (
    QuotaExceeded,
    enforce,
    provide_violation_hook,
    record_statuses,
    refuse,
    take_public,
    take_user,
)
from app.web.limits.headers import init_limits
from app.web.limits.policies import LimitStatus, Policy, key_day, key_hour, subject_of_address, team_hour
from app.web.limits.strict import strict

__all__ = [
    "Counters",
    "LimitStatus",
    "Policy",
    "QuotaExceeded",
    "RedisUnavailable",
    "counters",
    "enforce",
    "init_limits",
    "key_day",
    "key_hour",
    "peek",
    "provide_violation_hook",
    "record_statuses",
    "refuse",
    "strict",
    "subject_of_address",
    "take_public",
    "take_user",
    "team_hour",
]


def peek(policies: list[Policy]) -> list[LimitStatus]:
    """Return what is used of each policy, in order, without counting."""
    return counters().peek(policies)
