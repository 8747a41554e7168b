"""Who did what (the audit trail), and which requests came in (the request log)."""
