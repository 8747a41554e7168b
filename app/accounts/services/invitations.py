"""Invitations: links that let one person join a team."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from app.accounts import rules, tokens
from app.accounts.models import Invitation, Membership, OpenIdAccount, Team, User
from app.accounts.queries import InvitationState, state_of
from app.accounts.services.teams import lock_members
from app.accounts.services.users import NewPerson, SignedUp, add_user, prepared_user
from app.audit.trail import changed, record
from app.extensions import db
from app.idempotency.services import record_outcome
from app.lib import clock
from app.lib.errors import AuthorizationFailed, Conflict, Invalid, NotFound
from app.lib.ids import new_id
from app.outbox import services as outbox
from app.web.access import Principal
from app.web.permissions import Role

INVITATION_VALID = timedelta(days=7)

_ASK_AGAIN = "Ask an admin of the team for a new one."
_NOT_OPEN = {
    InvitationState.ACCEPTED: f"This invitation was used already. If that was not you: {_ASK_AGAIN.lower()}",
    InvitationState.REVOKED: f"This invitation was revoked. {_ASK_AGAIN}",
    InvitationState.EXPIRED: f"This invitation has expired. {_ASK_AGAIN}",
}


@dataclass(frozen=True, slots=True)
class CreatedInvitation:
    """A new invitation, and its only token."""

    id: str
    token: str


def why_not_open(state: InvitationState) -> str | None:
    """Return why an invitation cannot be accepted and what to do; None when it can."""
    return _NOT_OPEN.get(state)


def invite(
    team_id: str, *, role: Role, email: str | None, actor_id: str | None, key_id: str | None = None
) -> CreatedInvitation:
    """Create an invitation that is valid for a week, mail it when it has an address, return its only token.

    `actor_id` None: the API key `key_id` invites, as an admin may; what it made ends when it loses that right. Raises
    Invalid, AuthorizationFailed.
    """
    address = _checked_email(email) if email else None
    # A removal revokes what the member invited so far; who is invited twice at once is found as such.
    lock_members(team_id)
    power = _power_of(team_id, actor_id)
    if power is None or not rules.may_change_role(power, old=role, new=role):
        raise AuthorizationFailed(f"You cannot invite somebody as {role}.")
    if address:
        _refuse_second(team_id, address)
    invitation_id = new_id("inv")
    token = tokens.invitation_token(invitation_id)
    invitation = Invitation(
        id=invitation_id,
        team_id=team_id,
        email=address,
        role=role,
        token_digest=tokens.digest_of(token),
        invited_by_id=actor_id,
        invited_by_key_id=key_id,
        expires_at=clock.now() + INVITATION_VALID,
    )
    db.session.add(invitation)
    _record(invitation, "invitation.created", changed({}, {"role": role, "email": address}))
    record_outcome(db.session(), invitation_id)
    if address:
        outbox.add_mail(db.session(), "accounts.invitation", invitation_id)
    db.session.commit()
    if address:
        outbox.nudge()
    return CreatedInvitation(invitation_id, token)


def revoke_invitation(team_id: str, invitation_id: str) -> None:
    """Make an invitation's link invalid. Raises NotFound, Conflict when it was accepted."""
    invitation = db.session.scalar(
        select(Invitation)
        .where(Invitation.team_id == team_id, Invitation.id == invitation_id)
        .with_for_update()
    )
    if invitation is None:
        raise NotFound("There is no such invitation in this team.")
    if invitation.accepted_at is not None:
        raise Conflict("This invitation was accepted. Remove the member instead.")
    if invitation.revoked_at is None:
        invitation.revoked_at = clock.now()
        _record(invitation, "invitation.revoked")
    db.session.commit()


def accept(token: str, user_id: str) -> str:
    """Let a signed-in user join and return the team's slug. Raises NotFound, Conflict, AuthorizationFailed.

    A member of the team is redirected there, and the invitation stays open for somebody else.
    """
    invitation = _locked(token)
    team = db.session.get_one(Team, invitation.team_id)
    user = db.session.get_one(User, user_id)
    slug = team.slug
    if _find_membership(team.id, user_id) is None:
        _refuse_unless_open(invitation)
        if invitation.email and invitation.email != user.email:
            raise AuthorizationFailed(
                f"This invitation is for {invitation.email}, and you are signed in as {user.email}. Sign out,"
                " then open the link again."
            )
        _join(invitation, user)
    user.last_team_id = team.id
    db.session.commit()
    return slug


def sign_up_invited(token: str, person: NewPerson) -> SignedUp:
    """Create a user who joins the team of the invitation. Raises NotFound, Conflict, Invalid."""
    return join_as_new(token, prepared_user(person))


def join_as_new(token: str, user: User, openid_account: OpenIdAccount | None = None) -> SignedUp:
    """Add a user who joins the team of the invitation, and what they sign in with instead of a password.

    Raises NotFound, Conflict, Invalid.
    """
    invitation = _locked(token)
    _refuse_unless_open(invitation)
    if invitation.email and invitation.email != user.email:
        raise Invalid.field("email", f"This invitation is for {invitation.email}. Sign up with that address.")
    add_user(user)
    if openid_account is not None:
        openid_account.user_id = user.id
        db.session.add(openid_account)
    _join(invitation, user)
    user.last_team_id = invitation.team_id
    signed_up = SignedUp(user.id, db.session.get_one(Team, invitation.team_id).slug)
    db.session.commit()
    return signed_up


def _locked(token: str) -> Invitation:
    """Return the invitation; of several who accept it, or others of its team, at once, all but one wait here."""
    is_meant = Invitation.token_digest == tokens.digest_of(token)
    team_id = db.session.scalar(select(Invitation.team_id).where(is_meant))
    if team_id is None:
        raise NotFound(f"This invitation does not exist. Check that you opened the whole link. {_ASK_AGAIN}")
    # The team before its invitations: the order in which removals lock them.
    lock_members(team_id)
    return db.session.scalars(select(Invitation).where(is_meant).with_for_update()).one()


def _refuse_unless_open(invitation: Invitation) -> None:
    reason = why_not_open(state_of(invitation))
    if reason:
        raise Conflict(reason)


def _join(invitation: Invitation, user: User) -> None:
    db.session.add(Membership(team_id=invitation.team_id, user_id=user.id, role=invitation.role))
    invitation.accepted_at = clock.now()
    invitation.accepted_by_id = user.id
    # The user was on no team's page, so there is no principal.
    actor = Principal("user", user.id, user.name, invitation.team_id, frozenset())
    _record(invitation, "invitation.accepted", {"role": (None, invitation.role)}, actor=actor)


def _record(
    invitation: Invitation,
    action: str,
    changes: Mapping[str, tuple[object, object]] | None = None,
    *,
    actor: Principal | None = None,
) -> None:
    record(
        db.session(),
        action,
        team_id=invitation.team_id,
        object_type="invitation",
        object_id=invitation.id,
        object_name=invitation.email,
        changes=changes,
        actor=actor,
    )


def _power_of(team_id: str, actor_id: str | None) -> Role | None:
    if actor_id is None:
        return Role.ADMIN
    actor = _find_membership(team_id, actor_id)
    return Role(actor.role) if actor else None


def _find_membership(team_id: str, user_id: str) -> Membership | None:
    return db.session.get(Membership, (team_id, user_id))


def _refuse_second(team_id: str, email: str) -> None:
    is_member = (
        select(User.id)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.team_id == team_id, User.email == email)
    )
    if db.session.scalar(is_member) is not None:
        raise Invalid.field("email", f"{email} is in the team already.")
    open_one = select(Invitation.id).where(
        Invitation.team_id == team_id,
        Invitation.email == email,
        Invitation.accepted_at.is_(None),
        Invitation.revoked_at.is_(None),
        Invitation.expires_at > clock.now(),
    )
    if db.session.scalar(open_one.limit(1)) is not None:
        raise Invalid.field("email", f"{email} has an open invitation. Revoke it first to send another one.")


def _checked_email(email: str) -> str:
    try:
        return rules.normal_email(email)
    except ValueError as error:
        raise Invalid.field("email", str(error)) from None
