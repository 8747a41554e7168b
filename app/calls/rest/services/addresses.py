"""Where the calls of a run go: below the integration's base address, and nowhere else."""

from collections.abc import Sequence
from urllib.parse import quote, unquote_plus, urlencode, urlsplit

from app.calls.rest.rules import URL_MAX_CHARS
from app.calls.rest.services.reports import Stop, Stopped
from app.extensions import current_settings
from app.integrations.addresses import expand, origin_of
from app.integrations.services.access import Access
from app.integrations.spec import QueryAuth
from app.lib.errors import Invalid
from app.lib.outbound import AllowedNetworks, UrlRefused, check_url

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def address_of(base_url: str, path: str, query: Sequence[tuple[str, str]]) -> str:
    """Return the address of a call. A query that the base address has comes first. Raises Invalid when it is too long."""
    base, _, own_query = base_url.partition("?")
    if path:
        base = base.rstrip("/") + path
    whole_query = "&".join(filter(None, (own_query, urlencode(query, quote_via=quote, safe=""))))
    scheme, _, rest = (f"{base}?{whole_query}" if whole_query else base).partition("://")
    host, slash, tail = rest.partition("/")
    # What stands in the base address was typed by people, also outside ASCII.
    url = f"{scheme}://{host}{slash}{quote(tail, safe=_PRINTABLE)}"
    if len(url) > URL_MAX_CHARS:
        raise Invalid.field("parameters", f"The address would be longer than {URL_MAX_CHARS:,} characters.")
    return url


def own_address(access: Access, url: str) -> str:
    """Return the address of a next page that an answer named, without the credentials in it.

    Only path and query are taken from it. Raises Stopped when it leads to another server than the integration's.
    """
    allowed = AllowedNetworks.parse(current_settings().outbound_allowed_networks)
    own = urlsplit(access.base_url)
    try:
        parts = urlsplit(url)
        # Some read a backslash as a slash, others do not: nobody shall have to guess where such an address leads.
        named = check_url(f"{parts.scheme}://{parts.netloc}/" if "\\" not in url else url, allowed)
        is_own = origin_of(named) == origin_of(check_url(f"{own.scheme}://{own.netloc}/", allowed))
    except UrlRefused as error:
        raise Stopped(
            Stop.OTHER_SERVER, f"The answer names an address as the next page that is not called: {error}"
        ) from None
    except ValueError:
        raise Stopped(Stop.OTHER_SERVER, "What the answer names as the next page is no address.") from None
    if not is_own:
        raise Stopped(
            Stop.OTHER_SERVER,
            "The answer names an address of another server as the next page. It was not called: the integration's"
            " credentials stay with its own server.",
        )
    query = _without_credentials(access, parts.query)
    rest = quote((parts.path or "/") + (f"?{query}" if query else ""), safe=_PRINTABLE)
    if len(rest) > URL_MAX_CHARS:
        raise Stopped(
            Stop.OTHER_SERVER, f"The next page's address is longer than {URL_MAX_CHARS:,} characters."
        )
    return f"{own.scheme}://{own.netloc}{rest}"


def _without_credentials(access: Access, query: str) -> str:
    """Return the query without the parameter that carries the credentials: it is added when the call is sent."""
    if not isinstance(access.placement, QueryAuth):
        return query
    own = expand(access.placement.parameter, access.values)
    return "&".join(part for part in query.split("&") if unquote_plus(part.partition("=")[0]) != own)
