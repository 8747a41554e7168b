"""What operators ask about keys and limits, of all teams."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from app.accounts.models import Team, User
from app.api_keys.models import ApiKey
from app.api_keys.rules import KeyState, state_of
from app.db.session import reading
from app.extensions import current_settings, db
from app.lib import clock
from app.web.limits import Policy, team_hour


@dataclass(frozen=True, slots=True)
class KnownKid:
    """The owner of a key's public part. `is_previous`: a regeneration replaced it, its grace may go on."""

    name: str
    team_name: str
    state: KeyState
    is_previous: bool


@dataclass(frozen=True, slots=True)
class TeamLimit:
    """How many API requests per hour a team may make; `is_own`: the operator gave it that limit."""

    slug: str
    tier: str
    is_own: bool
    policy: Policy


@dataclass(frozen=True, slots=True)
class UserLimit:
    """How many pages per minute a user may request, where the operator gave them a limit of their own."""

    email: str
    per_minute: int


def find_kids(kids: Collection[str]) -> dict[str, KnownKid]:
    """Return whose keys these are, by public part. Unknown ones are left out."""
    query = (
        select(
            ApiKey.name,
            Team.name.label("team_name"),
            ApiKey.kid,
            ApiKey.previous_kid,
            ApiKey.previous_ends_at,
            ApiKey.expires_at,
            ApiKey.revoked_at,
        )
        .join(Team, Team.id == ApiKey.team_id)
        .where(or_(ApiKey.kid.in_(kids), ApiKey.previous_kid.in_(kids)))
    )
    now = clock.now()
    found = {}
    with reading(), db.engine.connect() as connection:
        for row in connection.execute(query):
            for kid, is_previous in ((row.kid, False), (row.previous_kid, True)):
                if kid not in kids:
                    continue
                ends_at = _sooner(row.expires_at, row.previous_ends_at) if is_previous else row.expires_at
                state = state_of(revoked_at=row.revoked_at, expires_at=ends_at, now=now)
                found[kid] = KnownKid(row.name, row.team_name, state, is_previous)
    return found


def team_limits() -> Sequence[TeamLimit]:
    """Return the limit of every team, by slug."""
    settings = current_settings()
    rows = db.session.execute(select(Team.id, Team.slug, Team.tier, Team.per_hour).order_by(Team.slug))
    return [
        TeamLimit(slug, tier, own is not None, team_hour(id, own or settings.requests_per_hour(tier)))
        for id, slug, tier, own in rows
    ]


def user_limits() -> Sequence[UserLimit]:
    """Return whom the operator gave a limit of their own, by address."""
    query = select(User.email, User.per_minute).where(User.per_minute.is_not(None)).order_by(User.email)
    return [UserLimit(email, per_minute or 0) for email, per_minute in db.session.execute(query)]


def _sooner(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
