"""Limits that the operator gives to one user or one team instead of everybody's."""

from sqlalchemy import select

from app.accounts.models import Team, User
from app.audit.trail import changed, record, snapshot
from app.config import Tier
from app.extensions import db
from app.lib.errors import Invalid, NotFound

PER_MINUTE_MAX = 1_000_000
PER_HOUR_MAX = 1_000_000_000


def limit_user(email: str, per_minute: int | None) -> None:
    """Give a user so many pages a minute; None: as many as everybody. Counts at once, and what is used stays used.

    Raises NotFound and Invalid.
    """
    _check_limit("per_minute", per_minute, PER_MINUTE_MAX)
    user = db.session.scalar(select(User).where(User.email == email.strip().lower()))
    if user is None:
        raise NotFound(f"There is no account {email}.")
    user.per_minute = per_minute
    db.session.commit()


def limit_team(slug: str, *, tier: Tier | None, per_hour: int | None, keeps_per_hour: bool = True) -> str:
    """Change the tier of a team, or give it a limit of its own, and return its id; `keeps_per_hour`: leave that.

    The caller has to invalidate the team's limit in the caches of `api_keys`. Raises NotFound and Invalid.
    """
    _check_limit("per_hour", per_hour, PER_HOUR_MAX)
    team = db.session.scalar(select(Team).where(Team.slug == slug))
    if team is None:
        raise NotFound(f"There is no team {slug}. `flask accounts teams` lists them.")
    before = snapshot(team, ("tier", "per_hour"))
    if tier is not None:
        team.tier = tier
    if not keeps_per_hour:
        team.per_hour = per_hour
    changes = changed(before, snapshot(team, ("tier", "per_hour")))
    if changes:
        record(
            db.session(),
            "team.limited",
            team_id=team.id,
            object_type="team",
            object_id=team.id,
            object_name=team.name,
            changes=changes,
        )
    team_id = team.id
    db.session.commit()
    return team_id


def _check_limit(field: str, value: int | None, most: int) -> None:
    if value is not None and not 1 <= value <= most:
        raise Invalid.field(field, f"Give a number from 1 to {most}.")
