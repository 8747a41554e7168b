"""Finds the members and teams of requests.

Each query is a short reading transaction of its own: a request that goes on to hash or to wait keeps no
transaction open.
"""

from flask import request, session
from flask_login import current_user
from sqlalchemy import bindparam, select

from app.accounts.models import Membership, Team
from app.accounts.sessions import LAST_TEAM
from app.db.session import reading
from app.extensions import db
from app.web.access import CurrentTeam, Principal
from app.web.permissions import OPERATE, Role, permissions_of

_MEMBER_BY_SLUG = (
    select(Membership.role, Team.id, Team.slug, Team.name)
    .join(Team, Team.id == Membership.team_id)
    .where(Team.slug == bindparam("slug"), Membership.user_id == bindparam("user_id"))
)
_TEAMS_OF_USER = (
    select(Team.id, Team.slug, Team.name)
    .join(Membership, Membership.team_id == Team.id)
    .where(Membership.user_id == bindparam("user_id"))
    .order_by(Team.name, Team.id)
)


def find_member(slug: str) -> tuple[Principal, CurrentTeam] | None:
    """Return the signed-in user's principal in the team of this slug; None for a stranger."""
    if "\x00" in request.path:
        return None  # No slug has a NUL, and PostgreSQL refuses to look for one.
    with reading(), db.engine.connect() as connection:
        row = connection.execute(_MEMBER_BY_SLUG, {"slug": slug, "user_id": current_user.id}).one_or_none()
    if row is None:
        return None
    role, team_id, team_slug, team_name = row
    if session.get(LAST_TEAM) != team_id:
        session[LAST_TEAM] = team_id
    permissions = permissions_of(Role(role))
    principal = Principal(
        kind="user",
        id=current_user.id,
        name=current_user.name,
        team_id=team_id,
        permissions=permissions | {OPERATE} if current_user.is_operator else permissions,
        role=role,
    )
    return principal, CurrentTeam(team_id, team_slug, team_name)


def teams_of_user(user_id: str) -> list[CurrentTeam]:
    """Return the teams of a user, by name."""
    with reading(), db.engine.connect() as connection:
        rows = connection.execute(_TEAMS_OF_USER, {"user_id": user_id}).all()
    return [CurrentTeam(*row) for row in rows]
