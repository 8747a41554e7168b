"""Host names, and what follows from their text alone. Pure."""

import re
import socket
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAME_CHARS_MAX = 253
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Host:
    """The host of a URL in lower case, and the port."""

    name: str
    port: int

    @property
    def is_known(self) -> bool:
        """Whether it is its own address, or this machine's: libcurl looks nothing up then (RFC 6761 §6.3)."""
        name = self.name.removesuffix(".")
        if name == "localhost" or name.endswith(".localhost") or ":" in name:
            return True
        try:
            socket.inet_aton(name)
        except (OSError, UnicodeError):
            return False
        return True

    @property
    def is_name(self) -> bool:
        """Whether it can be looked up, and be given to libcurl in a list of addresses, where `*` means all hosts."""
        return is_host_name(self.name.removesuffix("."))


def is_host_name(text: str) -> bool:
    """Whether lower-case ASCII text may be looked up: labels of letters, digits, hyphens and underscores."""
    return len(text) <= _NAME_CHARS_MAX and all(_LABEL.fullmatch(label) for label in text.split("."))


def host_of(url: str) -> Host:
    """Return the host of an http or https URL; one that is no name if the URL has none or is malformed."""
    try:
        parts = urlsplit(url)
        return Host(parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0))
    except ValueError:
        return Host("", 0)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The addresses of a host, with which its request begins again, and how much of its time the look-up took."""

    host: Host
    addresses: tuple[str, ...]
    started_at: datetime
    took_s: float

    def as_curl_entry(self) -> str:
        """Return it for CURLOPT_RESOLVE; the plus sign lets it end like any other entry of libcurl's cache."""
        addresses = ",".join(f"[{text}]" if ":" in text else text for text in self.addresses)
        return f"+{self.host.name}:{self.host.port}:{addresses}"
