"""Failures of webhooks' hosts in the log, where operators find what tenants are not told."""

from collections import Counter
from collections.abc import Iterable

import structlog

from app.lib.outbound import Result, is_host_failure
from app.webhooks.dispatch.messages import ClaimedDelivery

log = structlog.get_logger()


def log_host_errors(ended: Iterable[tuple[ClaimedDelivery, Result]]) -> None:
    """Log what really happened: one entry for each webhook, kind and reason, with the number of attempts."""
    counts: Counter[tuple[str, str, str, str | None]] = Counter()
    for claimed, result in ended:
        if result.error_kind is not None and is_host_failure(result):
            key = (claimed.target.team_id, claimed.webhook_id, result.error_kind, result.error_detail)
            counts[key] += 1
    for (team_id, webhook_id, kind, detail), count in counts.items():
        log.info(
            "webhook_host_unusable",
            team_id=team_id,
            webhook_id=webhook_id,
            error_kind=kind,
            reason=detail,
            attempts=count,
        )
