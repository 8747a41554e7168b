"""Teams and who is in them. A team always keeps an owner."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from app.accounts import rules
from app.accounts.lost_rights import AfterCommit, notify_lost_rights
from app.accounts.models import Membership, Team, User
from app.accounts.services.ending import revoke_invitations_by_member
from app.audit.trail import changed, record
from app.extensions import current_settings, db
from app.lib.errors import AuthorizationFailed, Conflict, Invalid, NotFound
from app.lib.ids import is_id, new_id
from app.web.access import Principal
from app.web.forms.versions import check_version, version_of
from app.web.permissions import Role, permissions_of

_SLUG_TRIES = 5


def create_team(user_id: str, name: str) -> str:
    """Create a team owned by the user and return its slug. Raises Invalid."""
    team = add_team(_checked_name(name))
    db.session.add(Membership(team_id=team.id, user_id=user_id, role=Role.OWNER))
    db.session.execute(update(User).where(User.id == user_id).values(last_team_id=team.id))
    record_new_team(team, db.session.get_one(User, user_id))
    slug = team.slug
    db.session.commit()
    return slug


def add_team(name: str) -> Team:
    """Add a team to the open transaction, under a slug of its own made from the name."""
    base = rules.slug_of(name)
    for _ in range(_SLUG_TRIES):
        team = Team(name=name, slug=_free_slug(base), tier=current_settings().team_tier)
        try:
            with db.session.begin_nested():
                db.session.add(team)
        except IntegrityError:  # Another team took the slug since it was free.
            continue
        return team
    raise Conflict("Many teams of this name are being created. Try again.")


def record_new_team(team: Team, owner: User) -> None:
    """Begin the team's audit trail, in the open transaction."""
    record(
        db.session(),
        "team.created",
        team_id=team.id,
        object_type="team",
        object_id=team.id,
        object_name=team.name,
        changes=changed({}, {"name": team.name, "owner": owner.name}),
        actor=Principal("user", owner.id, owner.name, team.id, frozenset()),
    )


def team_version(name: str) -> str:
    """Return the version of the settings of a team of this name."""
    return version_of("team", name)


def role_version(role: Role | str) -> str:
    """Return the version of a member who has this role."""
    return version_of("role", str(role))


def rename_team(team_id: str, name: str, *, expected: Collection[str] | None = None) -> None:
    """Give the team another name; its address stays.

    Raises Invalid, and PreconditionFailed when the team is none of the expected versions.
    """
    name = _checked_name(name)
    team = db.session.get_one(Team, team_id, with_for_update=True, populate_existing=True)
    check_version(expected, team_version(team.name))
    changes = changed({"name": team.name}, {"name": name})
    team.name = name
    if changes:
        record(
            db.session(),
            "team.renamed",
            team_id=team_id,
            object_type="team",
            object_id=team_id,
            object_name=name,
            changes=changes,
        )
    db.session.commit()


def change_role(
    team_id: str, user_id: str, role: Role, *, actor_id: str | None, expected: Collection[str] | None = None
) -> None:
    """Give a member another role; `actor_id` None: an API key does it.

    Raises NotFound, AuthorizationFailed, Conflict for the last owner, PreconditionFailed when the member is none of the
    expected versions.
    """
    actor, member = _actor_and_member(team_id, actor_id, user_id)
    _authorise(actor, member, role)
    check_version(expected, role_version(member.role))
    if member.role == Role.OWNER and role is not Role.OWNER:
        _keep_an_owner(team_id)
    after_commit: Sequence[AfterCommit] = ()
    if rules.is_lower(role, than=Role(member.role)):
        after_commit = _revoke_grants(team_id, user_id, role)
    if member.role != role:
        _record(member, "member.role_changed", {"role": (member.role, role)})
    member.role = role
    _commit(after_commit)


def remove_member(
    team_id: str, user_id: str, *, actor_id: str | None, expected: Collection[str] | None = None
) -> None:
    """Take a member out of the team; `actor_id` None: an API key does it.

    Raises NotFound, AuthorizationFailed, Conflict for the last owner, PreconditionFailed when the member is none of the
    expected versions.
    """
    actor, member = _actor_and_member(team_id, actor_id, user_id)
    _authorise(actor, member, None)
    check_version(expected, role_version(member.role))
    if member.role == Role.OWNER:
        _keep_an_owner(team_id)
    after_commit = _revoke_grants(team_id, user_id, None)
    _record(member, "member.removed", {"role": (member.role, None)})
    db.session.delete(member)
    _commit(after_commit)


def leave_team(team_id: str, user_id: str) -> None:
    """Leave the team. Raises NotFound, Conflict for the last owner."""
    member, _ = _locked_members(team_id, user_id, user_id)
    if member.role == Role.OWNER:
        _keep_an_owner(team_id)
    after_commit = _revoke_grants(team_id, user_id, None)
    _record(member, "member.left", {"role": (member.role, None)})
    db.session.delete(member)
    _commit(after_commit)


def transfer_ownership(team_id: str, *, from_id: str, to_id: str) -> None:
    """Make another member owner; the owner stays as admin. Raises NotFound, AuthorizationFailed, Invalid."""
    owner, successor = _locked_members(team_id, from_id, to_id)
    if owner.role != Role.OWNER:
        raise AuthorizationFailed("Only an owner can hand the team over.")
    if from_id == to_id:
        raise Invalid.field("to", "You own the team already. Choose somebody else.")
    after_commit = _revoke_grants(team_id, from_id, Role.ADMIN)
    record(
        db.session(),
        "team.transferred",
        team_id=team_id,
        object_type="team",
        object_id=team_id,
        object_name=owner.team.name,
        changes={"owner": (owner.user.name, successor.user.name)},
        detail=f"{successor.user.name} was {successor.role} before; {owner.user.name} stays as admin.",
    )
    successor.role = Role.OWNER
    owner.role = Role.ADMIN
    _commit(after_commit)


def lock_members(team_id: str) -> None:
    """Let nobody else change who is in the team, and as what, until the commit."""
    # Who changes members locks the team for update; rows that only refer to it need not wait.
    db.session.execute(select(Team.id).where(Team.id == team_id).with_for_update(key_share=True))


def lock_permissions(team_id: str, user_id: str) -> frozenset[str]:
    """Return what a user may do in the team, nothing for who is not in it; until the commit nobody changes that."""
    lock_members(team_id)
    role = db.session.scalar(
        select(Membership.role).where(Membership.team_id == team_id, Membership.user_id == user_id)
    )
    return permissions_of(Role(role)) if role else frozenset()


def _revoke_grants(team_id: str, user_id: str, role: Role | None) -> Sequence[AfterCommit]:
    """End the member's open invitations and have their API keys reviewed: `role` is what is left to them.

    Returns what is to be called after the commit.
    """
    revoke_invitations_by_member(team_id, user_id)
    return notify_lost_rights(team_id, user_id, permissions_of(role) if role else frozenset())


def _commit(after_commit: Sequence[AfterCommit]) -> None:
    db.session.commit()
    for call in after_commit:
        call()


def _record(member: Membership, action: str, changes: Mapping[str, tuple[object, object]]) -> None:
    record(
        db.session(),
        action,
        team_id=member.team_id,
        object_type="member",
        object_id=member.user_id,
        object_name=member.user.name,
        changes=changes,
    )


def _locked_members(team_id: str, *user_ids: str) -> tuple[Membership, Membership]:
    """Return the memberships of two users, and lock the team's members until the commit."""
    if not all(is_id(user_id, "usr") for user_id in user_ids):
        raise NotFound("There is no such member in this team.")
    db.session.execute(select(Team.id).where(Team.id == team_id).with_for_update())
    found = {
        membership.user_id: membership
        for membership in db.session.scalars(
            select(Membership)
            .where(Membership.team_id == team_id, Membership.user_id.in_(user_ids))
            .execution_options(populate_existing=True)
        )
    }
    try:
        return found[user_ids[0]], found[user_ids[1]]
    except KeyError:
        raise NotFound("There is no such member in this team.") from None


def _actor_and_member(team_id: str, actor_id: str | None, user_id: str) -> tuple[Role, Membership]:
    """Return the role of the actor, and the member to change. An API key may do what an admin may."""
    if actor_id is None:
        _, member = _locked_members(team_id, user_id, user_id)
        return Role.ADMIN, member
    actor, member = _locked_members(team_id, actor_id, user_id)
    return Role(actor.role), member


def _authorise(actor: Role, member: Membership, new: Role | None) -> None:
    if not rules.may_change_role(actor, old=Role(member.role), new=new):
        raise AuthorizationFailed("Only an owner can make or remove an owner.")


def _keep_an_owner(team_id: str) -> None:
    owners = db.session.scalar(
        select(func.count()).where(Membership.team_id == team_id, Membership.role == Role.OWNER)
    )
    if not owners or owners < 2:
        raise Conflict("This is the team's only owner. Make another member owner first.")


def _free_slug(base: str) -> str:
    taken = set(db.session.scalars(select(Team.slug).where(Team.slug.startswith(base))))
    for number in range(1, 1000):
        slug = base if number == 1 else f"{base}-{number}"
        if slug not in taken and slug not in rules.RESERVED_SLUGS:
            return slug
    return f"{base}-{new_id('x')[-7:]}"


def _checked_name(name: str) -> str:
    name = rules.one_line(name)
    if not name or len(name) > rules.TEAM_NAME_CHARS_MAX:
        raise Invalid.field("name", f"Give the team a name, at most {rules.TEAM_NAME_CHARS_MAX} characters.")
    return name
