"""Failures of a host, before anything is connected: one word for tenants, the truth for the operator.

Who typed an address must not learn from requests to it which names the operator's network knows and which of them are
hosts there. So a name that does not exist, one whose name server is silent and one that resolves to a refused address
are one kind, without times and addresses. The log tells them apart.
"""

from dataclasses import replace

from app.lib.outbound.transfer import Result

SHOWN_KIND = "dns_failed"
SHOWN_DETAIL = "The host did not resolve in time to an address that Signalbox connects to."
_KINDS = frozenset({"address_refused", "dns_failed", "dns_timeout"})


def is_host_failure(result: Result) -> bool:
    """Return whether it is the host that failed, of which tenants are told no more than that."""
    return result.error_kind in _KINDS


def shown_result(result: Result) -> Result:
    """Return the result as tenants may see it: the same one, unless it is a failure of the host."""
    if not is_host_failure(result):
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
