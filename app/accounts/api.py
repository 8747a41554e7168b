"""`/api/v1/team`, `/api/v1/members` and `/api/v1/invitations`.

Transferring the team, leaving it and making owners is for people only: an API key has no team to leave, and a stolen
key must not take the team over.
"""

from flask import url_for
from flask_openapi import Tag

from app.accounts import queries
from app.accounts.queries import INVITATIONS, MEMBERS
from app.accounts.schemas import (
    InvitationCreated,
    InvitationIn,
    InvitationList,
    InvitationOut,
    InvitationPath,
    MemberChange,
    MemberList,
    MemberOut,
    MemberPath,
    TeamChange,
    TeamOut,
)
from app.accounts.services import invitations
from app.accounts.services import teams as services
from app.extensions import current_settings
from app.idempotency.api import idempotent
from app.lib.redact import MASK
from app.web.access import principal, require
from app.web.forms.versions import expected_by_caller, tag_response
from app.web.lists import ListQuery, takes
from app.web.openapi.marks import returns_etag, takes_if_match
from app.web.permissions import Role
from app.web.schemas import PROBLEMS, Problem
from app.web.schemes import Api

accounts_api = Api("accounts_api", __name__, url_prefix="/api/v1", abp_responses={**PROBLEMS})

_TEAM = Tag(name="Team", description="The team that the API key belongs to.")
_MEMBERS = Tag(name="Members", description="Who is in the team.")
_INVITATIONS = Tag(name="Invitations", description="Links that let one person join.")


@accounts_api.get("/team", tags=[_TEAM], summary="Get the team", responses={200: TeamOut})
@require("members:read")
@returns_etag
def get_team() -> TeamOut:
    """Return the API key's team. `ETag` stands for its settings."""
    return _team()


@accounts_api.patch("/team", tags=[_TEAM], summary="Rename the team", responses={200: TeamOut})
@require("team:manage")
@takes_if_match
@returns_etag
def change_team(body: TeamChange) -> TeamOut:
    """Give the team another name; its address stays. Handing it over stays with its owner."""
    if body.name is not None:
        services.rename_team(principal().team_id, body.name, expected=expected_by_caller())
    return _team()


@accounts_api.get("/members", tags=[_MEMBERS], summary="List members", responses={200: MemberList})
@require("members:read")
@takes(MEMBERS)
def list_members(query: ListQuery) -> MemberList:
    """Return the members of the team, those who signed up last first."""
    page = MEMBERS.find(principal().team_id, query.selection(), size=query.limit)
    return MemberList.of(page, data=[MemberOut.of(member) for member in page.rows])


@accounts_api.get("/members/<user_id>", tags=[_MEMBERS], summary="Get a member", responses={200: MemberOut})
@require("members:read")
@returns_etag
def get_member(path: MemberPath) -> MemberOut:
    """Return one member. `ETag` stands for their role."""
    return _member(path.user_id)


@accounts_api.patch(
    "/members/<user_id>",
    tags=[_MEMBERS],
    summary="Change a member's role",
    responses={200: MemberOut},
)
@require("members:manage")
@takes_if_match
@returns_etag
def change_member(path: MemberPath, body: MemberChange) -> MemberOut:
    """Give a member another role. An API key may do what an admin may: owners are made and unmade by people."""
    services.change_role(
        principal().team_id, path.user_id, Role(body.role), actor_id=None, expected=expected_by_caller()
    )
    return _member(path.user_id)


@accounts_api.delete("/members/<user_id>", tags=[_MEMBERS], summary="Remove a member", responses={204: None})
@require("members:manage")
@takes_if_match
def remove_member(path: MemberPath) -> tuple[str, int]:
    """Take a member out of the team. Their open invitations become invalid; owners cannot be removed by a key."""
    services.remove_member(principal().team_id, path.user_id, actor_id=None, expected=expected_by_caller())
    return "", 204


@accounts_api.get(
    "/invitations", tags=[_INVITATIONS], summary="List invitations", responses={200: InvitationList}
)
@require("members:manage")
@takes(INVITATIONS)
def list_invitations(query: ListQuery) -> InvitationList:
    """Return the invitations of the team, in whatever state, newest first."""
    page = INVITATIONS.find(principal().team_id, query.selection(), size=query.limit)
    return InvitationList.of(page, data=[InvitationOut.of(row) for row in page.rows])


@accounts_api.post(
    "/invitations", tags=[_INVITATIONS], summary="Invite somebody", responses={201: InvitationCreated}
)
@require("members:manage")
@idempotent(InvitationCreated, status=201, replay=lambda invitation_id: _created(invitation_id))
def create_invitation(body: InvitationIn) -> tuple[InvitationCreated, int]:
    """Make a link that lets one person join within a week, and mail it if there is an address."""
    team_id = principal().team_id
    created = invitations.invite(
        team_id, role=Role(body.role), email=body.email, actor_id=None, key_id=principal().id
    )
    url = current_settings().public_url + url_for("accounts.invitation", token=created.token)
    return _created(created.id, url=url), 201


@accounts_api.get(
    "/invitations/<invitation_id>",
    tags=[_INVITATIONS],
    summary="Get an invitation",
    responses={200: InvitationOut},
)
@require("members:manage")
def get_invitation(path: InvitationPath) -> InvitationOut:
    """Return one invitation, without its link."""
    return InvitationOut.of(queries.get_invitation(principal().team_id, path.invitation_id))


@accounts_api.delete(
    "/invitations/<invitation_id>",
    tags=[_INVITATIONS],
    summary="Revoke an invitation",
    responses={204: None, 409: Problem},
)
@require("members:manage")
def revoke_invitation(path: InvitationPath) -> tuple[str, int]:
    """Make its link invalid; 409 when it was accepted already."""
    invitations.revoke_invitation(principal().team_id, path.invitation_id)
    return "", 204


def _team() -> TeamOut:
    team = queries.get_team(principal().team_id)
    tag_response(services.team_version(team.name))
    return TeamOut.of(team)


def _member(user_id: str) -> MemberOut:
    member = queries.get_member(principal().team_id, user_id)
    tag_response(services.role_version(member.role))
    return MemberOut.of(member)


def _created(invitation_id: str, *, url: str = MASK) -> InvitationCreated:
    """Return an invitation that was just made. Its mail was stored with it, so it will be sent."""
    invitation = queries.get_invitation(principal().team_id, invitation_id)
    return InvitationCreated.of(invitation, url=url, is_mailed=True if invitation.email else None)
