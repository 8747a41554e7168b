"""The invitations of a team, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, and_, or_, select

from app.accounts.inviting_keys import may_invite
from app.accounts.models import Invitation, Team, User
from app.accounts.tokens import digest_of
from app.db.pages import Condition
from app.extensions import db
from app.lib import clock
from app.lib.errors import NotFound
from app.web.lists import ChoiceFilter, ListSpec, Search, SearchFilter
from app.web.lists.spec import Rows
from app.web.permissions import Role


class InvitationState(StrEnum):
    """What became of an invitation."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ShownInvitation:
    """An invitation without its token."""

    id: str
    team_id: str
    team_name: str
    team_slug: str
    email: str | None
    role: Role
    invited_by: str | None
    created_at: datetime
    expires_at: datetime
    state: InvitationState


def get_invitation(team_id: str, invitation_id: str) -> ShownInvitation:
    """Return an invitation of the team. Raises NotFound."""
    row = db.session.execute(
        _invitations().where(Invitation.team_id == team_id, Invitation.id == invitation_id)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such invitation in this team.")
    return _invitation(*row)


def find_invitation_by_token(token: str) -> ShownInvitation | None:
    """Return the invitation whose link carries this token, in whatever state."""
    row = db.session.execute(_invitations().where(Invitation.token_digest == digest_of(token))).one_or_none()
    return _invitation(*row) if row else None


def state_of(invitation: Invitation) -> InvitationState:
    """Return what became of an invitation."""
    if invitation.accepted_at is not None:
        return InvitationState.ACCEPTED
    if invitation.revoked_at is not None:
        return InvitationState.REVOKED
    if invitation.expires_at <= clock.now():
        return InvitationState.EXPIRED
    if invitation.invited_by_key_id and not may_invite(invitation.team_id, invitation.invited_by_key_id):
        return InvitationState.REVOKED
    return InvitationState.OPEN


def _invitations() -> Select[Invitation, str, str, str]:
    return (
        select(Invitation, Team.name, Team.slug, User.name)
        .join(Team, Team.id == Invitation.team_id)
        .outerjoin(User, User.id == Invitation.invited_by_id)
    )


def _invitation(
    invitation: Invitation, team_name: str, team_slug: str, invited_by: str | None
) -> ShownInvitation:
    return ShownInvitation(
        id=invitation.id,
        team_id=invitation.team_id,
        team_name=team_name,
        team_slug=team_slug,
        email=invitation.email,
        role=Role(invitation.role),
        invited_by=invited_by,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        state=state_of(invitation),
    )


def _in_state(_search: Search, state: str) -> Condition:
    """Return what holds for all invitations in a state; `_shown` leaves out those that are in another one after all."""
    has_ended = Invitation.expires_at <= clock.now()
    is_pending = and_(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
    # The key that made one may have ended since: nothing was written then.
    may_be_revoked = and_(is_pending, Invitation.invited_by_key_id.is_not(None), ~has_ended)
    by_state: dict[InvitationState, Condition] = {
        InvitationState.OPEN: and_(is_pending, ~has_ended),
        InvitationState.ACCEPTED: Invitation.accepted_at.is_not(None),
        InvitationState.REVOKED: or_(Invitation.revoked_at.is_not(None), may_be_revoked),
        InvitationState.EXPIRED: and_(is_pending, has_ended),
    }
    return by_state[InvitationState(state)]


def _shown(search: Search, rows: Rows) -> Sequence[ShownInvitation]:
    state = search.values.get("state")
    shown = (_invitation(*row) for row in rows)
    return [invitation for invitation in shown if state in (None, invitation.state.value)]


INVITATIONS = ListSpec[ShownInvitation](
    key=Invitation.id,
    prefix="inv",
    thing="an invitation",
    scope=lambda team_id: (Invitation.team_id == team_id,),
    rows=lambda _search: _invitations(),
    shape=_shown,
    filters=(
        SearchFilter(
            condition=lambda _search, text: Invitation.email.icontains(text, autoescape=True),
            chars_max=100,
            placeholder="Email address",
            description="Part of the email address that was invited.",
        ),
        ChoiceFilter(
            field="state",
            label="State",
            choices=[(state.value, state.value.capitalize()) for state in InvitationState],
            condition=_in_state,
            description="Only invitations that this became of.",
        ),
    ),
)
