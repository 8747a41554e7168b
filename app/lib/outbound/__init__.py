"""The one door out: the only code that opens a connection to an address somebody typed.

`check_url` explains early what is wrong with a URL; `send` carries one request on a connection of its own,
`Client` requests over kept connections, `Multi` many at once. All obey the same rules, which live in `exchange.py`:
http(s) only, every address checked when its socket is opened, no redirects, no proxies, hard deadlines, capped
answers. Names are looked up by one resolver for each process, in fair shares.
"""

from app.lib.outbound.addresses import NOTHING_ALLOWED, AllowedNetworks, Refusal, check_address
from app.lib.outbound.client import Client
from app.lib.outbound.host_failures import is_host_failure, shown_result
from app.lib.outbound.multi import Multi
from app.lib.outbound.resolver import Resolver
from app.lib.outbound.sending import send
from app.lib.outbound.transfer import ERROR_KINDS, RESERVED_HEADERS, Request, Result
from app.lib.outbound.urls import UrlRefused, check_url

__all__ = [
    "ERROR_KINDS",
    "NOTHING_ALLOWED",
    "RESERVED_HEADERS",
    "AllowedNetworks",
    "Client",
    "Multi",
    "Refusal",
    "Request",
    "Resolver",
    "Result",
    "UrlRefused",
    "check_address",
    "check_url",
    "is_host_failure",
    "send",
    "shown_result",
]
