"""Users, members and invitations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Select, case, func, select
from sqlalchemy.orm import Session

from app.accounts.inviting_keys import may_invite
from app.accounts.models import Invitation, Membership, Team, User
from app.accounts.tokens import digest_of
from app.db.pages import Page, page_of
from app.extensions import db
from app.lib import clock
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.web.permissions import Role


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a team."""

    user_id: str
    name: str
    email: str
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class TeamOfUser:
    """A team as one of its members sees it in the list of their teams."""

    id: str
    slug: str
    name: str
    role: Role
    member_count: int


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


def any_user_exists() -> bool:
    """Return whether somebody signed up already: then the first owner's link is invalid."""
    return db.session.scalar(select(User.id).limit(1)) is not None


def find_user_by_email(email: str) -> User | None:
    """Return the user of a normal (lower case) address."""
    return db.session.scalar(select(User).where(User.email == email))


def ids_of_admins(transaction: Session | Connection, team_id: str) -> Sequence[str]:
    """Return the ids of a team's owners and admins, in order."""
    return transaction.scalars(
        select(Membership.user_id)
        .where(Membership.team_id == team_id, Membership.role.in_([Role.OWNER, Role.ADMIN]))
        .order_by(Membership.user_id)
    ).all()


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


def members_of_team(team_id: str) -> Sequence[Member]:
    """Return the members of a team, the most powerful first, then by name."""
    power = case({role.value: number for number, role in enumerate(Role)}, value=Membership.role)
    rows = db.session.execute(_members(team_id).order_by(power, User.name, User.id))
    return [_member(*row) for row in rows]


def list_members(team_id: str, *, limit: int, cursor: str | None = None) -> Page[Member]:
    """Return a page of members, those who signed up last first, older than the user `cursor`."""
    query = _members(team_id).order_by(User.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(User.id < cursor)
    members = [_member(*row) for row in db.session.execute(query)]
    return page_of(members, size=limit, id_attribute="user_id")


def get_member(team_id: str, user_id: str) -> Member:
    """Return a member of a team. Raises NotFound."""
    if not is_id(user_id, "usr"):
        raise NotFound("There is no such member in this team.")
    row = db.session.execute(_members(team_id).where(Membership.user_id == user_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such member in this team.")
    return _member(*row)


def open_invitations(team_id: str) -> Sequence[ShownInvitation]:
    """Return the invitations of a team that can still be accepted, newest first."""
    rows = db.session.execute(
        _invitations()
        .where(
            Invitation.team_id == team_id,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > clock.now(),
        )
        .order_by(Invitation.id.desc())
    )
    shown = [_invitation(*row) for row in rows.all()]
    # The key that made one may have expired since: nothing was written then.
    return [invitation for invitation in shown if invitation.state is InvitationState.OPEN]


def list_invitations(team_id: str, *, limit: int, cursor: str | None = None) -> Page[ShownInvitation]:
    """Return a page of invitations in whatever state, newest first, older than the invitation `cursor`."""
    query = _invitations().where(Invitation.team_id == team_id)
    if cursor is not None:
        query = query.where(Invitation.id < cursor)
    rows = db.session.execute(query.order_by(Invitation.id.desc()).limit(limit + 1)).all()
    return page_of([_invitation(*row) for row in rows], size=limit)


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


def _members(team_id: str) -> Select[str, str, str, str, datetime]:
    return (
        select(User.id, User.name, User.email, Membership.role, Membership.created_at)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.team_id == team_id)
    )


def _member(user_id: str, name: str, email: str, role: str, joined_at: datetime) -> Member:
    return Member(user_id, name, email, Role(role), joined_at)


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
