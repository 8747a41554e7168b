"""`flask limits team|user|show`: what the operator allows one team or one user instead of everybody."""

import click
from flask.cli import AppGroup

from app.accounts.services.limits import PER_HOUR_MAX, PER_MINUTE_MAX, limit_team, limit_user
from app.api_keys import operator_queries
from app.api_keys.cli.keys import plain_errors
from app.api_keys.services.maintenance import invalidate_team
from app.api_keys.verification import key_cache
from app.config import Tier
from app.extensions import current_settings
from app.web import limits

limits_cli = AppGroup("limits", help="How often teams and users may ask.")


class NumberOrDefault(click.ParamType[int]):
    """A number from 1, or `default`, which becomes 0."""

    name = "N|default"

    def __init__(self, most: int) -> None:
        self._most = most

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        if value == "default":
            return 0
        if not str(value).isdecimal() or not 1 <= int(value) <= self._most:
            self.fail(f"{value!r} is neither a number from 1 to {self._most} nor 'default'.", param, ctx)
        return int(value)


@limits_cli.command("team")
@click.argument("slug")
@click.option(
    "--tier", type=click.Choice([str(tier) for tier in Tier]), help="Limits as all teams of this tier."
)
@click.option(
    "--per-hour",
    type=NumberOrDefault(PER_HOUR_MAX),
    help="API requests of all its keys together; default: its tier's.",
)
def set_team(slug: str, tier: str | None, per_hour: int | None) -> None:
    """Change the tier of a team, or give it a limit of its own. Counts at once; what is used stays used."""
    if tier is None and per_hour is None:
        raise click.UsageError("Give --tier, --per-hour or both.")
    with plain_errors():
        team_id = limit_team(
            slug,
            tier=Tier(tier) if tier else None,
            per_hour=per_hour or None,
            keeps_per_hour=per_hour is None,
        )
        is_known_everywhere = invalidate_team(team_id)
    (team,) = (team for team in operator_queries.team_limits() if team.slug == slug)
    click.echo(f"{slug} ({team.tier}): {team.policy.quota} API requests per hour.")
    if not is_known_everywhere:
        click.echo(f"Redis did not take it: it counts within {key_cache.ENTRY_S} seconds.", err=True)


@limits_cli.command("user")
@click.argument("email")
@click.option(
    "--per-minute",
    type=NumberOrDefault(PER_MINUTE_MAX),
    required=True,
    help="Pages they may ask for; default: as many as everybody.",
)
def set_user(email: str, per_minute: int) -> None:
    """Give a user a limit of their own. Counts at once; what is used stays used."""
    with plain_errors():
        limit_user(email, per_minute or None)
    shown = per_minute or current_settings().user_requests_per_minute
    click.echo(f"{email}: {shown} pages per minute.")


@limits_cli.command("show")
def show() -> None:
    """Print what tiers and everybody may, then every team with what is used now, then users with an own limit."""
    settings = current_settings()
    click.echo("Tiers, in API requests per hour:")
    for tier in Tier:
        click.echo(f"  {tier}\t{settings.requests_per_hour(tier)}")
    click.echo(f"Everybody, in pages per minute:\n  signed in\t{settings.user_requests_per_minute}")
    click.echo(f"  unknown\t{settings.public_requests_per_minute} per address")
    teams = operator_queries.team_limits()
    statuses = limits.peek([team.policy for team in teams])
    click.echo("Teams, in API requests per hour:" if teams else "There are no teams.")
    for team, status in zip(teams, statuses, strict=True):
        of = "own" if team.is_own else team.tier
        click.echo(f"  {team.slug}\t{status.used} of {team.policy.quota} used\t{of}")
    users = operator_queries.user_limits()
    if users:
        click.echo("Users with a limit of their own, in pages per minute:")
    for user in users:
        click.echo(f"  {user.email}\t{user.per_minute}")
