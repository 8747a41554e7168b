"""Jobs of the audit trail and the request log."""

from app.audit import services, violations


def note_violation(
    team_id: str, limit: str, subject: str, detail: str, key_id: str, key_name: str, address: str | None
) -> None:
    """Record that a limit was reached."""
    violations.note_violation(team_id, limit, subject, detail, key_id, key_name, address)


def trim() -> None:
    """Delete what is older than the operator wants to keep."""
    services.trim()
