"""What workers do for accounts beside mails."""

from app.accounts.services import sessions, users


def note_failed_sign_in(user_id: str, address: str | None) -> None:
    """Record a wrong password. Does nothing for nobody: the job is the same for an address without an account."""
    if user_id:
        users.note_failed_sign_in(user_id, address)


def trim_sessions() -> None:
    """Delete the sessions that nobody can use any more."""
    sessions.trim()
