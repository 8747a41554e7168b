"""What the API takes and returns for the team, its members and its invitations."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.accounts.rules import EMAIL_CHARS_MAX, TEAM_NAME_CHARS_MAX
from app.web.schemas import Body, Out, SecretField, ShownOnce

_Role = Literal["owner", "admin", "member", "viewer"]
#: Owners are made and unmade by people.
_GivenRole = Literal["admin", "member", "viewer"]

_TEAM_ID = "team_01k9zq4w6v3m8t7c5x2b9d0r1s"
_USER_ID = "usr_01k9zq4w6v3m8t7c5x2b9d0r1s"
_INVITATION_ID = "inv_01k9zq4w6v3m8t7c5x2b9d0r1s"


class TeamOut(Out):
    """A team."""

    id: str = Field(examples=[_TEAM_ID])
    slug: str = Field(description="Stands in the address of its pages; never changes.", examples=["acme"])
    name: str = Field(examples=["Acme"])
    tier: Literal["free", "pro", "enterprise"] = Field(
        description="Decides how many requests all keys of the team may make together."
    )
    created_at: datetime


class TeamChange(Body):
    """What to change; a field left out, or null, stays as it is."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Acme Logistics"}})

    name: str | None = Field(default=None, description=f"1 to {TEAM_NAME_CHARS_MAX} characters.")


class MemberOut(Out):
    """A user in the team."""

    user_id: str = Field(examples=[_USER_ID])
    name: str = Field(examples=["Ada Lovelace"])
    email: str = Field(examples=["ada@example.com"])
    role: _Role = Field(examples=["member"])
    joined_at: datetime


class MemberList(Out):
    """Members, those who signed up last first."""

    data: list[MemberOut]
    next_cursor: str | None = Field(examples=[None])


class MemberChange(Body):
    """What to change of a member."""

    role: _GivenRole = Field(description="Only people make and unmake owners.", examples=["viewer"])


class MemberPath(BaseModel):
    user_id: str = Field(description="A user id.", examples=[_USER_ID])


class InvitationIn(Body):
    """Who is invited, as what."""

    model_config = ConfigDict(json_schema_extra={"example": {"email": "ada@example.com", "role": "member"}})

    role: _GivenRole = Field(default="member", description="Only people make owners.")
    email: str | None = Field(
        default=None,
        max_length=EMAIL_CHARS_MAX,
        description="The link is mailed there, and only this address can accept. Null: whoever has the link can.",
    )


class InvitationOut(Out):
    """An invitation. Its link is never returned again."""

    id: str = Field(examples=[_INVITATION_ID])
    email: str | None = Field(examples=["ada@example.com"])
    role: _Role = Field(examples=["member"])
    state: Literal["open", "accepted", "revoked", "expired"]
    invited_by: str | None = Field(
        description="The name of who invited; null when that was an API key or somebody who is gone.",
        examples=["Grace Hopper"],
    )
    created_at: datetime
    expires_at: datetime


class InvitationCreated(InvitationOut, ShownOnce):
    """A new invitation, with the link that only this answer holds."""

    url: Annotated[
        str,
        SecretField(
            when_lost="Revoke the invitation (DELETE /api/v1/invitations/{id}) and create another one under a new"
            " Idempotency-Key."
        ),
    ] = Field(
        description="Hand it over: it works once, for a week.",
        examples=["https://signalbox.example.com/invitations/…"],
    )
    is_mailed: bool | None = Field(
        description="True: it is mailed to the address. Null when there is none.", examples=[True]
    )


class InvitationList(Out):
    """Invitations, newest first."""

    data: list[InvitationOut]
    next_cursor: str | None = Field(examples=[None])


class InvitationPath(BaseModel):
    invitation_id: str = Field(description="An invitation id.", examples=[_INVITATION_ID])
