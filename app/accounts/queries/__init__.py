"""Queries of pages and commands about users, members, invitations and the protection of accounts."""

from app.accounts.queries.invitations import (
    INVITATIONS,
    InvitationState,
    ShownInvitation,
    find_invitation_by_token,
    get_invitation,
    state_of,
)
from app.accounts.queries.members import MEMBERS, Member, get_member, ids_of_admins, members_of_team
from app.accounts.queries.security import (
    LinkedAccount,
    Security,
    ShownSession,
    get_session,
    security_of,
    sessions_of,
)
from app.accounts.queries.teams import (
    TeamOfUser,
    all_teams,
    any_user_exists,
    find_team,
    find_user_by_email,
    get_team,
    teams_with_roles,
)

__all__ = [
    "INVITATIONS",
    "MEMBERS",
    "InvitationState",
    "LinkedAccount",
    "Member",
    "Security",
    "ShownInvitation",
    "ShownSession",
    "TeamOfUser",
    "all_teams",
    "any_user_exists",
    "find_invitation_by_token",
    "find_team",
    "find_user_by_email",
    "get_invitation",
    "get_member",
    "get_session",
    "get_team",
    "ids_of_admins",
    "members_of_team",
    "security_of",
    "sessions_of",
    "state_of",
    "teams_with_roles",
]
