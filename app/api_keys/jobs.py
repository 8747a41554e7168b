"""Jobs of workers: usage into the database, warnings of expiry, and changes that Redis did not hear of."""

from app.api_keys.services import upkeep, usage


def flush_usage() -> None:
    """Move the uses that Redis counted to the database."""
    usage.flush_usage()


def tell_expiring() -> None:
    """Tell each team, once, of its keys that expire within days."""
    upkeep.tell_expiring()


def repeat_forgetting() -> None:
    """Make sure that no old state of a key that changed lately is remembered anywhere."""
    upkeep.repeat_forgetting()
