"""The one door out: the only code that opens a connection to an address somebody typed.

`check_url` says early and kindly what is wrong with a URL; `send` carries one request, `Multi` many. Both
obey the same rules, which live in `exchange.py`: http(s) only, every address checked when its socket is
opened, no redirects, no proxies, hard deadlines, capped answers. Names are looked up by one resolver for each
process, in fair shares.
"""

from time import monotonic

from app.lib.outbound.addresses import NOTHING_ALLOWED, AllowedNetworks, Refusal, check_address
from app.lib.outbound.exchange import Exchange
from app.lib.outbound.hosts import Resolved, host_of
from app.lib.outbound.lookups import failed_lookup, lookup_timeout_s
from app.lib.outbound.multi import Multi
from app.lib.outbound.resolver import NOT_FOUND, Resolver, shared_resolver
from app.lib.outbound.transfer import ERROR_KINDS, RESERVED_HEADERS, Request, Result
from app.lib.outbound.trust import find_ca_file
from app.lib.outbound.urls import UrlRefused, check_url

__all__ = [
    "ERROR_KINDS",
    "NOTHING_ALLOWED",
    "RESERVED_HEADERS",
    "AllowedNetworks",
    "Multi",
    "Refusal",
    "Request",
    "Resolver",
    "Result",
    "UrlRefused",
    "check_address",
    "check_url",
    "send",
]


def send(
    request: Request,
    *,
    allowed: AllowedNetworks = NOTHING_ALLOWED,
    ca_file: str | None = None,
    resolver: Resolver | None = None,
) -> Result:
    """Send one request on a connection of its own and wait for its end, at most `request.timeout_s`.

    Raises ValueError, in words for people, for a request that cannot be sent (URL, method or headers);
    whatever happens on the network is in the result.
    """
    exchange = Exchange(allowed, find_ca_file(ca_file))
    try:
        exchange.begin(request)
        result = exchange.run()
        if not exchange.wants_lookup:
            return result
        resolved = _resolved(request, result, resolver or shared_resolver())
        if isinstance(resolved, Result):
            return resolved
        exchange.begin(request, resolved)
        return exchange.run()
    finally:
        exchange.close()


def _resolved(request: Request, stopped: Result, resolver: Resolver) -> Resolved | Result:
    """Return what the request can begin with, or what it ends in."""
    host, since_s = host_of(request.url), monotonic()
    answer = NOT_FOUND
    if host.is_name:
        answer = resolver.resolve(host.name, owner=request.owner, timeout_s=lookup_timeout_s(request))
    took_s = monotonic() - since_s
    if answer.addresses:
        return Resolved(host, answer.addresses, stopped.started_at, took_s)
    return failed_lookup(answer, stopped.started_at, took_s)
