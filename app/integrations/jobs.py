"""Jobs of integrations."""

from app.integrations.services import trimming


def trim_counts() -> None:
    """Delete counts of calls that the health page shows no more."""
    trimming.trim_counts()
