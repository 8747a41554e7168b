"""Jobs of the audit trail."""

from app.audit import services, violations


def record_violation(
    team_id: str, limit: str, subject: str, detail: str, key_id: str, key_name: str, address: str | None
) -> None:
    """Record that a limit was reached."""
    violations.record_violation(team_id, limit, subject, detail, key_id, key_name, address)


def trim() -> None:
    """Delete the entries that are older than `AUDIT_DAYS`."""
    services.trim()
