"""What people do with their own account, in the audit trail of each of their teams."""

from collections.abc import Mapping

from sqlalchemy import select

from app.accounts.models import Membership, User
from app.audit.trail import OPERATOR, SYSTEM, record
from app.extensions import db
from app.web.access import Principal


def record_in_teams(
    user_id: str,
    action: str,
    *,
    detail: str | None = None,
    changes: Mapping[str, tuple[object, object]] | None = None,
    is_claimed_only: bool = False,
    is_operator: bool = False,
    address: str | None = None,
) -> None:
    """Add an entry about the user to the open transaction, one in each of their teams.

    The actor is the user, or nobody for a failed sign-in; `is_operator`: the command line.
    """
    rows = db.session.execute(
        select(User.name, User.email, Membership.team_id)
        .join(Membership, Membership.user_id == User.id)
        .where(User.id == user_id)
        .order_by(Membership.team_id)
    ).all()
    for name, email, team_id in rows:
        if is_operator:
            actor = OPERATOR
        elif is_claimed_only:
            actor = SYSTEM
        else:
            actor = Principal("user", user_id, name, team_id, frozenset())
        record(
            db.session(),
            action,
            team_id=team_id,
            object_type="user",
            object_id=user_id,
            object_name=email,
            changes=changes,
            detail=detail,
            actor=actor,
            address=address,
        )
