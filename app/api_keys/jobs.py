"""Jobs of workers: usage into the database, warnings of expiry, and changes that did not reach Redis."""

from app.api_keys.services import maintenance
from app.api_keys.usage import services as usage


def flush_usage() -> None:
    """Move the uses that Redis counted to the database."""
    usage.flush_usage()


def notify_expiring() -> None:
    """Notify each team, once, of its keys that expire within days."""
    maintenance.notify_expiring()


def reconcile_cache() -> None:
    """Make sure that no outdated state of a recently changed key is cached anywhere."""
    maintenance.reconcile_cache()
