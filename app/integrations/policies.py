"""The limits of integrations, as counters know them. Pure."""

from app.web.limits.policies import DAY_S, HOUR_S, Policy


def call_policies(
    integration_id: str, hourly_limit: int | None, daily_limit: int | None
) -> tuple[Policy, ...]:
    """Return the limits of an integration: those that are set."""
    found: list[Policy] = []
    if hourly_limit is not None:
        words = ("calls per hour", "this integration")
        found.append(Policy("integration-hour", integration_id, hourly_limit, HOUR_S, words=words))
    if daily_limit is not None:
        words = ("calls per day", "this integration")
        found.append(Policy("integration-day", integration_id, daily_limit, DAY_S, words=words))
    return tuple(found)
