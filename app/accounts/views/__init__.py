"""Pages of people and teams."""

from app.accounts.views import account, entrance, invitations, passwords, team  # noqa: F401  (they add the routes)
from app.accounts.views.blueprints import accounts, teams

__all__ = ["accounts", "teams"]
