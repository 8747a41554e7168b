"""Operators of the installation: users who may also see and do what belongs to no team."""

from sqlalchemy import update

from app.accounts.models import User
from app.accounts.trail import record_in_teams
from app.extensions import db
from app.lib.errors import NotFound


def set_operator(email: str, *, is_operator: bool) -> None:
    """Make the user with this address an operator, or one no longer. For the command line. Raises NotFound."""
    changed = db.session.execute(
        update(User)
        .where(User.email == email.strip().lower())
        .values(is_operator=is_operator)
        .returning(User.id)
    ).one_or_none()
    if changed is None:
        db.session.rollback()
        raise NotFound(f"There is no account with the address {email}.")
    action = "user.operator_added" if is_operator else "user.operator_removed"
    record_in_teams(changed.id, action, is_operator=True)
    db.session.commit()
