"""Pages of users and teams."""

from app.accounts.views import (  # noqa: F401  (they add the routes)
    account,
    email_change,
    invitations,
    openid,
    passwords,
    second_factor,
    second_step,
    sessions,
    sign_in,
    sign_in_links,
    team,
)
from app.accounts.views.blueprints import accounts, teams

__all__ = ["accounts", "teams"]
