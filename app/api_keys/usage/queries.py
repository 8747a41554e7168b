"""What a team's keys use of their limits: right now from the counters, of the last day from the database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.accounts.models import Team
from app.api_keys.models import ApiKey, ApiKeyHour
from app.api_keys.presentation import LimitNow, limits_now
from app.api_keys.queries import KEYS, USES_HOURS, ShownKey, policies_of, works
from app.audit.models import AuditEntry
from app.db.pages import Conditions
from app.extensions import current_settings, db
from app.lib import clock
from app.lib.ids import lowest_id_at
from app.web import limits
from app.web.limits import LimitStatus, Policy, key_day, key_hour, team_hour
from app.web.limits.policies import TITLES

VIOLATIONS_DAYS = 7
VIOLATIONS_MAX = 20


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """What a key uses of its limits. `refused`: within the last USES_HOURS."""

    hour: LimitNow
    day: LimitNow
    refused: int


@dataclass(frozen=True, slots=True)
class TeamUsage:
    """What all keys of a team use together. `has_own_limit`: the operator gave it another than its tier's."""

    tier: str
    has_own_limit: bool
    hour: LimitNow
    used: int
    refused: int
    #: Redis does not answer: the limits are what this process counted by itself.
    is_counted_alone: bool


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit that began to refuse. `key_id` is None for limits that no key of the team has."""

    at: datetime
    limit: str
    whose: str
    key_id: str | None
    detail: str | None


#: The keys that work, as all lists of keys show them.
WORKING_KEYS = replace(
    KEYS,
    scope=lambda team_id: Conditions((ApiKey.team_id == team_id,), scanned=(works(),)),
    filters=tuple(one for one in KEYS.filters if one.field != "state"),
)


def usage_of_team(team_id: str) -> TeamUsage:
    """Return what all keys of the team use together."""
    used_lately, refused_lately = _lately(team_id)
    tier, own = db.session.execute(select(Team.tier, Team.per_hour).where(Team.id == team_id)).one()
    (of_team,) = limits_now(_peek([team_hour(team_id, own or current_settings().requests_per_hour(tier))]))
    return TeamUsage(
        tier,
        own is not None,
        of_team,
        used_lately,
        refused_lately,
        is_counted_alone=limits.counters().is_away,
    )


def usage_of_keys(team_id: str, keys: Sequence[ShownKey]) -> dict[str, KeyUsage]:
    """Return what each of these keys of the team uses, by its id."""
    refused = _refused_by_key(team_id, [key.id for key in keys])
    policies = [
        policy for key in keys for policy in (key_hour(key.id, key.per_hour), key_day(key.id, key.per_day))
    ]
    of_keys = limits_now(_peek(policies))
    return {
        key.id: KeyUsage(hour, day, refused.get(key.id, 0))
        for key, hour, day in zip(keys, of_keys[::2], of_keys[1::2], strict=True)
    }


def statuses_of(team_id: str, key: ShownKey) -> list[LimitStatus]:
    """Return the status of the limits of a call with this key: its hour, its day, and the hour of its team."""
    return _peek(policies_of(team_id, key))


def violations_of(team_id: str) -> list[Violation]:
    """Return the limits that began to refuse within the last VIOLATIONS_DAYS, the latest first."""
    since = clock.now() - timedelta(days=VIOLATIONS_DAYS)
    query = (
        select(AuditEntry, ApiKey.id, ApiKey.name)
        .outerjoin(ApiKey, (ApiKey.id == AuditEntry.object_id) & (ApiKey.team_id == AuditEntry.team_id))
        .where(
            AuditEntry.team_id == team_id,
            AuditEntry.id >= lowest_id_at("aud", since),
            AuditEntry.action == "limit.reached",
        )
        .order_by(AuditEntry.id.desc())
        .limit(VIOLATIONS_MAX)
    )
    return [_violation(entry, key_id, key_name) for entry, key_id, key_name in db.session.execute(query)]


def _peek(policies: Sequence[Policy]) -> list[LimitStatus]:
    # Redis may not answer, and no transaction should stay open meanwhile.
    db.session.rollback()
    return limits.peek(list(policies))


def _lately(team_id: str) -> tuple[int, int]:
    used, refused = db.session.execute(
        select(
            func.coalesce(func.sum(ApiKeyHour.used), 0), func.coalesce(func.sum(ApiKeyHour.refused), 0)
        ).where(ApiKeyHour.team_id == team_id, ApiKeyHour.hour > _since())
    ).one()
    return int(used), int(refused)


def _refused_by_key(team_id: str, key_ids: Sequence[str]) -> dict[str, int]:
    rows = db.session.execute(
        select(ApiKeyHour.api_key_id, func.sum(ApiKeyHour.refused))
        .where(ApiKeyHour.team_id == team_id, ApiKeyHour.api_key_id.in_(key_ids), ApiKeyHour.hour > _since())
        .group_by(ApiKeyHour.api_key_id)
    )
    return {key_id: int(refused) for key_id, refused in rows}


def _since() -> datetime:
    return clock.now() - timedelta(hours=USES_HOURS)


def _violation(entry: AuditEntry, key_id: str | None, key_name: str | None) -> Violation:
    limit, whose = TITLES.get(entry.object_name or "", (entry.object_name or "requests", "this team"))
    whose = f"of {whose}" if key_name is None else f"of the key {key_name}"
    return Violation(entry.created_at, limit[:1].upper() + limit[1:], whose, key_id, entry.detail)
