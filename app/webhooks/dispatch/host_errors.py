"""Failures of a webhook's host before a connection: one error kind for tenants, the real one in the operator's log.

Whoever owns a webhook must not learn from its deliveries which names the operator's network knows and which of them
are hosts there. So a name that does not exist, one whose name server is silent and one that resolves to a refused
address are one kind, without times and addresses. The log has the real reason.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import structlog

from app.lib.outbound import Result
from app.webhooks.dispatch.messages import ClaimedDelivery

log = structlog.get_logger()

SHOWN_KIND = "dns_failed"
SHOWN_DETAIL = "The host did not resolve in time to an address that Signalbox connects to."
_KINDS = frozenset({"address_refused", "dns_failed", "dns_timeout"})


def shown_result(result: Result) -> Result:
    """Return the result as tenants may see it: the same one, unless it is a failure of the host."""
    if result.error_kind not in _KINDS:
        return result
    return replace(
        result,
        error_kind=SHOWN_KIND,
        error_detail=SHOWN_DETAIL,
        remote_address=None,
        remote_port=None,
        dns_ms=None,
        connect_ms=None,
        tls_ms=None,
        total_ms=None,
    )


def log_host_errors(ended: Iterable[tuple[ClaimedDelivery, Result]]) -> None:
    """Log the real reasons: one entry for each webhook, kind and reason, with the number of attempts."""
    counts: Counter[tuple[str, str, str, str | None]] = Counter()
    for claimed, result in ended:
        if result.error_kind in _KINDS:
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
