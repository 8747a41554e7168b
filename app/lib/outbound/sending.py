"""One request through a handle of libcurl, waited for by the thread that sends it."""

from time import monotonic

from app.lib.outbound.addresses import NOTHING_ALLOWED, AllowedNetworks
from app.lib.outbound.exchange import Exchange
from app.lib.outbound.hosts import Resolved, host_of
from app.lib.outbound.lookups import failed_lookup, lookup_timeout_s
from app.lib.outbound.resolver import NOT_FOUND, Resolver, shared_resolver
from app.lib.outbound.transfer import Request, Result
from app.lib.outbound.trust import find_ca_file


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
        return send_through(exchange, request, resolver or shared_resolver())
    finally:
        exchange.close()


def send_through(exchange: Exchange, request: Request, resolver: Resolver) -> Result:
    """Send one request through `exchange` as `send()` does. After an exception the exchange is to be closed."""
    since_s = monotonic()
    exchange.begin(request)
    result = exchange.run()
    if not exchange.wants_lookup:
        return result
    resolved = _resolved(request, result, resolver, since_s)
    if isinstance(resolved, Result):
        return resolved
    exchange.begin(request, resolved)
    return exchange.run()


def _resolved(request: Request, stopped: Result, resolver: Resolver, since_s: float) -> Resolved | Result:
    """Return the addresses with which the request can begin, or its failure.

    The time since it began is deducted: a kept connection may have been lost only after a long wait for its answer.
    """
    host = host_of(request.url)
    answer = NOT_FOUND
    if host.is_name:
        left_s = lookup_timeout_s(request) - (monotonic() - since_s)
        answer = resolver.resolve(host.name, owner=request.owner, timeout_s=max(0.0, left_s))
    took_s = monotonic() - since_s
    if answer.addresses:
        return Resolved(host, answer.addresses, stopped.started_at, took_s)
    return failed_lookup(answer, stopped.started_at, took_s)
