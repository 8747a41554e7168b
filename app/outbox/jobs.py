"""Jobs of the outbox."""

from app.outbox import services


def send() -> None:
    """Send the mails that are due."""
    services.send_due()


def trim() -> None:
    """Delete the mails that were given up some days ago."""
    services.trim()
