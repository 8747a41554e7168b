"""Requests over connections that are kept between calls, for threads that block until the answer.

libcurl matches connections by host and TLS settings, not by caller. So each kept handle belongs to one key (a
team, an account there) and one host and port, and holds one connection: nothing that one key's requests did to a
connection can reach another's. Handles of the same key, host and port share their TLS sessions, which shortens the
handshake of a new connection.

Callers bound how many requests run at once; the pool bounds how many connections are kept. A TLS connection costs about
one MB while it is kept, most of it the certificates of the system's CA bundle.
"""

from time import monotonic

import pycurl

from app.lib.outbound.addresses import NOTHING_ALLOWED, AllowedNetworks
from app.lib.outbound.closing import Closing
from app.lib.outbound.exchange import Exchange
from app.lib.outbound.hosts import host_of
from app.lib.outbound.options import IDLE_CONNECTION_AGE_S
from app.lib.outbound.pool import Connection, Origin, Pool
from app.lib.outbound.resolver import Resolver, shared_resolver
from app.lib.outbound.sending import send, send_through
from app.lib.outbound.transfer import Request, Result
from app.lib.outbound.trust import find_ca_file

#: A connection older than this is not used again, however busy: a host that moved, or whose address is refused by now,
#: is noticed after so long at the latest.
LIFETIME_S = 600.0
CONNECTIONS_MAX = 64
CONNECTIONS_PER_KEY_MAX = 8


class Client(Closing):
    """`send()` over kept connections. One for each process and purpose; threads share it, forked processes may.

    Every new socket's address is checked, as everywhere; a kept connection was checked when it was opened, and is
    closed `idle_s` after its last request. Cookies and credentials are not kept: each request brings its own.
    """

    def __init__(
        self,
        allowed: AllowedNetworks = NOTHING_ALLOWED,
        *,
        ca_file: str | None = None,
        resolver: Resolver | None = None,
        idle_s: float = IDLE_CONNECTION_AGE_S,
        lifetime_s: float = LIFETIME_S,
        connections_max: int = CONNECTIONS_MAX,
        connections_per_key_max: int = CONNECTIONS_PER_KEY_MAX,
    ) -> None:
        self._allowed = allowed
        self._ca_file = find_ca_file(ca_file)
        self._resolver = resolver
        self._pool = Pool(
            idle_s=idle_s,
            lifetime_s=lifetime_s,
            size_max=connections_max,
            per_key_max=connections_per_key_max,
        )

    @property
    def idle_count(self) -> int:
        """How many connections are kept and not in use."""
        return len(self._pool)

    def send(self, request: Request, *, key: str) -> Result:
        """Send one request on a connection of `key`, kept or new, and wait for its end: at most `request.timeout_s`.

        A kept connection that the other side closed meanwhile is replaced, and the request, of whose answer not a byte
        came, is sent again on a new one: requests that must not be sent twice go through `send()` of this package.
        Raises ValueError as that does.
        """
        origin = _origin_of(key, request.url)
        connection = self._pool.take(origin) or self._new_connection(origin)
        exchange = connection.exchange
        try:
            result = send_through(exchange, request, self._resolver or shared_resolver())
            is_kept = result.error_kind is None and connection.descriptor is not None
            if is_kept:
                connection.clear(request)
        except BaseException:
            exchange.close()
            raise
        if not is_kept:
            exchange.close()
            return result
        if not result.connection_reused:
            connection.opened_at_s = monotonic()
        self._pool.put(connection)
        return result

    def send_once(self, request: Request) -> Result:
        """Send one request on a connection of its own, which is not kept: whatever happens, it is not sent again.

        Raises ValueError as `send()` does.
        """
        return send(request, allowed=self._allowed, ca_file=self._ca_file, resolver=self._resolver)

    def close(self) -> None:
        """Close idle connections now, and those in use when their requests end."""
        self._pool.close()

    def _new_connection(self, origin: Origin) -> Connection:
        exchange = Exchange(self._allowed, self._ca_file)
        exchange.handle.setopt(pycurl.SHARE, self._pool.session_cache(origin))
        return Connection(origin, exchange)


def _origin_of(key: str, url: str) -> Origin:
    host = host_of(url)
    return Origin(key, "https" if url[:6].lower() == "https:" else "http", host.name, host.port)
