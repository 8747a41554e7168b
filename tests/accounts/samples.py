"""Values for the parameters of the routes of accounts."""

from collections.abc import Mapping

from app.accounts.services import invitations
from app.lib.ids import new_id
from app.web.permissions import Role
from tests.people import People


def add_samples(people: People, _known: Mapping[str, str]) -> dict[str, str]:
    """Add objects of team acme; return the parameters that name them."""
    acme = people.acme
    invitation = invitations.invite(acme.id, role=Role.MEMBER, email=None, actor_id=people.alice.id)
    return {
        "team": acme.slug,
        "slug": acme.slug,
        "token": invitation.token,
        "invitation_id": invitation.id,
        "user_id": people.mel.id,
        "session_id": new_id("ses"),
        "account_id": new_id("oid"),
    }
