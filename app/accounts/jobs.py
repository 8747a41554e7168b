"""What workers do for accounts beside mails."""

from app.accounts.services import sessions, users


def note_failed_sign_in(user_id: str, address: str | None) -> None:
    """Record a wrong password. Does nothing for an empty id: an address without an account enqueues the same job."""
    if user_id:
        users.note_failed_sign_in(user_id, address)


def trim_sessions() -> None:
    """Delete the sessions that are expired."""
    sessions.trim()
