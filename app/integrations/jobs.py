"""What workers do for integrations."""

from app.integrations.services import refreshing_due, trimming


def refresh_connections() -> None:
    """Refresh the tokens that end soon, and those of grants that end when they are idle."""
    refreshing_due.refresh_due()


def trim_counts() -> None:
    """Delete counts of calls that the health page shows no more."""
    trimming.trim_counts()
