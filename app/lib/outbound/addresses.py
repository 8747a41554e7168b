"""Which addresses Signalbox may connect to. Pure: no sockets, no names, no clock.

The deny-list is written out. Python's `is_global` lets multicast, 6to4, NAT64, v4-compatible, site-local and
newer special networks through, and it changes between Python versions; a list that can be read and tested
does neither.

Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries, the multicast registries, and RFC 4291 for
what lies outside global unicast (2000::/3).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", "an address of this host (0.0.0.0/8)"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a shared carrier address (100.64.0.0/10)"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "reserved for protocol assignments (192.0.0.0/24)"),
        ("192.0.2.0/24", "a documentation address"),
        ("192.31.196.0/24", "an AS112 address (192.31.196.0/24)"),
        ("192.52.193.0/24", "an AMT address (192.52.193.0/24)"),
        ("192.88.99.0/24", "a 6to4 relay address (192.88.99.0/24)"),
        ("192.168.0.0/16", "a private address"),
        ("192.175.48.0/24", "an AS112 address (192.175.48.0/24)"),
        ("198.18.0.0/15", "a benchmarking address (198.18.0.0/15)"),
        ("198.51.100.0/24", "a documentation address"),
        ("203.0.113.0/24", "a documentation address"),
        ("224.0.0.0/4", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("240.0.0.0/4", "a reserved address (240.0.0.0/4)"),
    )
)

# Most specific first: the first match gives the reason.
_SPECIAL_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::/128", "the unspecified address"),
        ("::1/128", "a loopback address"),
        ("::/96", "an IPv4-compatible address (::/96)"),
        ("::ffff:0:0:0/96", "an IPv4-translated address (::ffff:0:0:0/96)"),
        ("64:ff9b::/96", "a NAT64 address (64:ff9b::/96)"),
        ("64:ff9b:1::/48", "a local NAT64 address (64:ff9b:1::/48)"),
        ("100::/64", "a discard address (100::/64)"),
        ("100:0:0:1::/64", "a dummy address (100:0:0:1::/64)"),
        ("2001::/32", "a Teredo address (2001::/32)"),
        ("2001:db8::/32", "a documentation address"),
        ("2001::/23", "reserved for protocol assignments (2001::/23)"),
        ("2002::/16", "a 6to4 address (2002::/16)"),
        ("2620:4f:8000::/48", "an AS112 address (2620:4f:8000::/48)"),
        ("3fff::/20", "a documentation address"),
        ("5f00::/16", "a segment-routing address (5f00::/16)"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address (fec0::/10)"),
        ("ff00::/8", "a multicast address"),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_MAPPED_V6 = IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address is not connected to; `str()` is one sentence for people, without a full stop."""

    address: str
    what: str

    def __str__(self) -> str:
        return f"{self.address} is {self.what}"


@dataclass(frozen=True, slots=True)
class AllowedNetworks:
    """Networks the operator opened in spite of the deny-list, each for one port or for all (None)."""

    entries: tuple[tuple[Network, int | None], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a comma list such as `127.0.0.0/8, 10.1.0.0/16:8080, [::1]/128:9000`.

        A bare address means that one address. IPv6 with a port needs the brackets. Empty text allows nothing.
        Raises ValueError, naming the entry and what is wrong with it.
        """
        return cls(tuple(_parse_entry(entry) for part in text.split(",") if (entry := part.strip())))

    def allows(self, address: Address, port: int) -> bool:
        """Whether an entry covers this address and port; a mapped IPv4 address counts as its IPv4."""
        plain = _unmap(address)
        return any(
            allowed_port in (None, port) and plain in network
            for network, allowed_port in self.entries
            if network.version == plain.version
        )

    def __iter__(self) -> Iterator[tuple[Network, int | None]]:
        return iter(self.entries)


NOTHING_ALLOWED = AllowedNetworks()


def check_address(
    address: str | Address, port: int, allowed: AllowedNetworks = NOTHING_ALLOWED
) -> Refusal | None:
    """Return why `address` must not be connected to on `port`, or None when it may.

    An IPv4-mapped IPv6 address is checked as its IPv4, also against `allowed`. Text that is no address, and an
    address with a zone (`%eth0`), is refused, never raised.
    """
    text = str(address)
    if "%" in text:
        return Refusal(text, "an address tied to a network interface")
    try:
        plain = _unmap(ip_address(text))
    except ValueError:
        return Refusal(text, "not an IP address")
    what = _special_v4(plain) if isinstance(plain, IPv4Address) else _special_v6(plain)
    if what is None or allowed.allows(plain, port):
        return None
    return Refusal(str(plain), what)


def _special_v4(address: IPv4Address) -> str | None:
    return next((what for network, what in _SPECIAL_V4 if address in network), None)


def _special_v6(address: IPv6Address) -> str | None:
    for network, what in _SPECIAL_V6:
        if address in network:
            return what
    return None if address in _GLOBAL_V6 else "outside the global address range (2000::/3)"


def _unmap(address: Address) -> Address:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _parse_entry(entry: str) -> tuple[Network, int | None]:
    network_text, port_text = _split_entry(entry)
    try:
        network = ip_network(network_text)
    except ValueError as error:
        raise ValueError(f"{entry!r} is not a network such as 10.1.0.0/16 or [fd00::]/8: {error}") from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED_V6):
        mapped = network.network_address.ipv4_mapped
        network = IPv4Network(f"{mapped}/{network.prefixlen - 96}")
    return network, _parse_port(entry, port_text)


def _split_entry(entry: str) -> tuple[str, str | None]:
    if entry.startswith("["):
        host, bracket, rest = entry[1:].partition("]")
        if not bracket:
            raise ValueError(f"{entry!r} has an opening bracket without a closing one")
        mask, colon, port = rest.partition(":")
        return host + mask, port if colon else None
    if entry.count(":") == 1:
        network, _, port = entry.partition(":")
        return network, port
    return entry, None


def _parse_port(entry: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ValueError(f"{entry!r} has the port {text!r}; a port is a number from 1 to 65535")
    return int(text)
