"""The members of a team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, case, or_, select
from sqlalchemy.orm import Session

from app.accounts.models import Membership, User
from app.db.pages import Condition
from app.extensions import db
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.web.lists import ChoiceFilter, ListSpec, Search, SearchFilter
from app.web.permissions import Role


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a team."""

    user_id: str
    name: str
    email: str
    role: Role
    joined_at: datetime

    @property
    def id(self) -> str:
        """The user's id: the cursor of its page."""
        return self.user_id


def ids_of_admins(transaction: Session | Connection, team_id: str) -> Sequence[str]:
    """Return the ids of a team's owners and admins, in order."""
    return transaction.scalars(
        select(Membership.user_id)
        .where(Membership.team_id == team_id, Membership.role.in_([Role.OWNER, Role.ADMIN]))
        .order_by(Membership.user_id)
    ).all()


def members_of_team(team_id: str) -> Sequence[Member]:
    """Return the members of a team, the most powerful first, then by name."""
    power = case({role.value: number for number, role in enumerate(Role)}, value=Membership.role)
    rows = db.session.execute(_members().where(*_of_team(team_id)).order_by(power, User.name, User.id))
    return [_member(*row) for row in rows]


def get_member(team_id: str, user_id: str) -> Member:
    """Return a member of a team. Raises NotFound."""
    if not is_id(user_id, "usr"):
        raise NotFound("There is no such member in this team.")
    found = _members().where(*_of_team(team_id), Membership.user_id == user_id)
    row = db.session.execute(found).one_or_none()
    if row is None:
        raise NotFound("There is no such member in this team.")
    return _member(*row)


def _members() -> Select[Membership, str, str]:
    return select(Membership, User.name, User.email).join(User, User.id == Membership.user_id)


def _of_team(team_id: str) -> tuple[Condition, ...]:
    return (Membership.team_id == team_id,)


def _member(membership: Membership, name: str, email: str) -> Member:
    return Member(membership.user_id, name, email, Role(membership.role), membership.created_at)


def _text(_search: Search, text: str) -> Condition:
    return or_(User.name.icontains(text, autoescape=True), User.email.icontains(text, autoescape=True))


MEMBERS = ListSpec[Member](
    key=Membership.user_id,
    prefix="usr",
    thing="a user",
    scope=_of_team,
    rows=lambda _search: _members(),
    shape=lambda _search, rows: [_member(*row) for row in rows],
    filters=(
        SearchFilter(
            condition=_text,
            chars_max=100,
            placeholder="Name or email address",
            description="Part of the name or of the email address.",
        ),
        ChoiceFilter(
            field="role",
            label="Role",
            choices=[(role.value, role.value.capitalize()) for role in Role],
            column=Membership.role,
            description="Only members with this role.",
        ),
    ),
)
