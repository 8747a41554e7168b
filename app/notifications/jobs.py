"""Jobs of notifications."""

from app.notifications.services import posting


def post() -> None:
    """Post the messages that are due."""
    posting.post_due()
