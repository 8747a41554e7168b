"""Ends open invitations of a member or an API key: after losing the right, no link may lead back to it."""

from sqlalchemy import ColumnElement, update

from app.accounts.models import Invitation
from app.audit.trail import record
from app.extensions import db
from app.lib import clock


def revoke_invitations_by_member(team_id: str, user_id: str) -> None:
    """Revoke the open invitations that a member made, as a part of the open transaction."""
    _revoke(team_id, Invitation.invited_by_id == user_id)


def revoke_invitations_by_key(team_id: str, key_id: str) -> None:
    """Revoke the open invitations that an API key made, as a part of the open transaction."""
    _revoke(team_id, Invitation.invited_by_key_id == key_id)


def _revoke(team_id: str, condition: ColumnElement[bool]) -> None:
    revoked = db.session.execute(
        update(Invitation)
        .where(
            Invitation.team_id == team_id,
            condition,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now())
        .returning(Invitation.id, Invitation.email)
    ).all()
    for invitation_id, email in revoked:
        record(
            db.session(),
            "invitation.revoked",
            team_id=team_id,
            object_type="invitation",
            object_id=invitation_id,
            object_name=email,
            detail="Who invited may no longer do so.",
        )
