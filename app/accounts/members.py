"""Finds who is in which team."""

from app.web.access import CurrentTeam, Principal


def find_member(slug: str) -> tuple[Principal, CurrentTeam] | None:
    """Return the signed-in user's principal in the team of this slug; None for a stranger."""
    return None


def teams_of_user(user_id: str) -> list[CurrentTeam]:
    """Return the teams of a user, by name."""
    return []
