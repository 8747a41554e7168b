"""The one door out: the only code that opens a connection to an address somebody typed.

`check_url` says early and kindly what is wrong with a URL; `send` carries one request, `Multi` many. Both
obey the same rules, which live in `exchange.py`: http(s) only, every address judged when its socket is
opened, no redirects, no proxies, hard deadlines, capped answers.
"""

from app.lib.outbound.addresses import NOTHING_ALLOWED, AllowedNetworks, Refusal, judge
from app.lib.outbound.exchange import Exchange
from app.lib.outbound.multi import Multi
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
    "Result",
    "UrlRefused",
    "check_url",
    "judge",
    "send",
]


def send(
    request: Request, *, allowed: AllowedNetworks = NOTHING_ALLOWED, ca_file: str | None = None
) -> Result:
    """Send one request on a connection of its own and wait for its end, at most `request.timeout_s`.

    Raises ValueError, in words for people, for a request that cannot be sent (URL, method or headers);
    whatever happens on the network is in the result.
    """
    exchange = Exchange(allowed, find_ca_file(ca_file))
    try:
        exchange.begin(request)
        return exchange.run()
    finally:
        exchange.close()
