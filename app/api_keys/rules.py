"""What decides whether a key may be used: its state, its networks, its expiry. Pure."""

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from app.web.permissions import FULL, expand

EXPIRY_DAYS_MAX = 365
#: From this many days before its expiry a key is shown as expiring, and its team is notified.
EXPIRY_WARNING_DAYS = 7
NETWORKS_MAX = 50
PER_WINDOW_MAX = 100_000_000

_SUSPENDED_IN_REVIEW = frozenset({"keys:manage", "members:manage", "team:manage", FULL})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class KeyState(StrEnum):
    """The state of a key at a moment."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


def state_of(*, revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> KeyState:
    """Return the state of a key at `now`. A revoked key stays revoked, whatever its expiry."""
    if revoked_at is not None:
        return KeyState.REVOKED
    if expires_at is not None and now >= expires_at:
        return KeyState.EXPIRED
    return KeyState.ACTIVE


def scopes_in_force(scopes: Sequence[str], review_since: datetime | None) -> tuple[str, ...]:
    """Return what a key with these scopes may do now, sorted.

    Until its review it may not make or change what would outlive it: keys, members, the team.
    """
    if review_since is None:
        return tuple(scopes)
    return tuple(sorted(expand(frozenset(scopes)) - _SUSPENDED_IN_REVIEW))


def is_expiring(expires_at: datetime | None, now: datetime) -> bool:
    """Return whether a key that still works should be replaced soon."""
    return expires_at is not None and now < expires_at <= now + timedelta(days=EXPIRY_WARNING_DAYS)


def parse_networks(lines: Iterable[str]) -> list[str]:
    """Return networks in CIDR notation, as typed one per line, without repetitions and in their order.

    A single address becomes a network of one. Raises ValueError, in words for people, for the first that is none.
    """
    found: dict[str, None] = {}
    for line in lines:
        text = line.strip()
        if text:
            found[str(_parse_network(text))] = None
    if len(found) > NETWORKS_MAX:
        raise ValueError(f"At most {NETWORKS_MAX} networks; there are {len(found)}.")
    return list(found)


def allows_address(networks: Sequence[str], address: str | None) -> bool:
    """Return whether a key with these networks may be used from `address`. No networks: from everywhere.

    IPv4-mapped IPv6 addresses (`::ffff:192.0.2.1`) count as IPv4. What is no address is refused.
    """
    if not networks:
        return True
    try:
        caller = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(caller, "ipv4_mapped", None)
    caller = mapped or caller
    return any(
        caller.version == network.version and caller in network for network in _compiled(tuple(networks))
    )


@lru_cache(maxsize=1024)
def _compiled(networks: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in networks)


def _parse_network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        fixed = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text[:50]} is no network. Write it as 203.0.113.0/24, 2001:db8::/32 or a single address."
        ) from None
    raise ValueError(
        f"{text} has bits behind its network part. Did you mean {fixed}, or {text.split('/')[0]}?"
    )
