"""`/api/v1/me` and `/api/v1/statistics`: what a program usually asks first."""

from flask_openapi import Tag

from app.dashboard import figures, queries
from app.dashboard.schemas import Hour, Me, MeLimits, MeTeam, Statistics, Totals
from app.extensions import current_settings
from app.web.access import principal, require, signed_in
from app.web.schemas import PROBLEMS
from app.web.schemes import Api
from app.webhooks.queries.deliveries import PENDING_COUNT_MAX, count_pending

dashboard_api = Api(
    "dashboard_api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[Tag(name="About", description="Who is calling, how things are, and this description.")],
    abp_responses={**PROBLEMS},
)


@dashboard_api.get("/me", summary="Who am I?", responses={200: Me})
@signed_in
def get_me() -> Me:
    """Return the API key that is calling: its scopes, its team, its expiry and its limits."""
    caller = principal()
    key, team = queries.key_with_team(caller.team_id, caller.id)
    return Me.of(
        key,
        mode="test" if key.is_test else "live",
        permissions=sorted(caller.permissions),
        team=MeTeam.of(team),
        limits=MeLimits(
            key_per_hour=key.per_hour,
            key_per_day=key.per_day,
            team_per_hour=team.per_hour or current_settings().requests_per_hour(team.tier),
        ),
    )


@dashboard_api.get("/statistics", summary="Get the last 24 hours", responses={200: Statistics})
@require("events:read")
def get_statistics() -> Statistics:
    """Return what the home page shows: deliveries and attempts of the last 24 hours, and what waits."""
    team_id = principal().team_id
    hours = queries.hourly_counts(team_id)
    return Statistics(
        totals=Totals.of(figures.day_figures(hours)),
        hours=[Hour.of(hour) for hour in hours],
        pending_deliveries=count_pending(team_id),
        pending_deliveries_counted_to=PENDING_COUNT_MAX,
    )
