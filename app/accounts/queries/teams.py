"""Users, and the teams that they are in."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from app.accounts.models import Membership, Team, User
from app.extensions import db
from app.lib.errors import NotFound
from app.web.permissions import Role


@dataclass(frozen=True, slots=True)
class TeamOfUser:
    """A team as one of its members sees it in the list of their teams."""

    id: str
    slug: str
    name: str
    role: Role
    member_count: int


def any_user_exists() -> bool:
    """Return whether there is a user: then the first owner's link is invalid."""
    return db.session.scalar(select(User.id).limit(1)) is not None


def find_user_by_email(email: str) -> User | None:
    """Return the user of a normal (lower case) address."""
    return db.session.scalar(select(User).where(User.email == email))


def get_team(team_id: str) -> Team:
    """Return the team of who is calling. Raises NotFound when it was deleted meanwhile."""
    team = db.session.get(Team, team_id)
    if team is None:
        raise NotFound("There is no such team.")
    return team


def find_team(slug: str) -> Team | None:
    """Return the team of this slug, whoever asks: for commands, not for pages."""
    return db.session.scalar(select(Team).where(Team.slug == slug))


def all_teams() -> Sequence[tuple[str, str]]:
    """Return slug and name of every team, by slug: for commands, not for pages."""
    return [
        (slug, name) for slug, name in db.session.execute(select(Team.slug, Team.name).order_by(Team.slug))
    ]


def teams_with_roles(user_id: str) -> Sequence[TeamOfUser]:
    """Return the user's teams with their role in each, by name."""
    counts = select(func.count()).where(Membership.team_id == Team.id).correlate(Team).scalar_subquery()
    rows = db.session.execute(
        select(Team.id, Team.slug, Team.name, Membership.role, counts)
        .join(Membership, Membership.team_id == Team.id)
        .where(Membership.user_id == user_id)
        .order_by(Team.name, Team.id)
    )
    return [TeamOfUser(id_, slug, name, Role(role), count) for id_, slug, name, role, count in rows]
