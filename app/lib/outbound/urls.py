"""Early feedback on a URL somebody typed. Pure: nothing is resolved, nothing is connected to.

This is not the guard. A name may resolve to anything by the time it is used, so the check that counts is
made when the socket is opened (`exchange.py`). What is checked here follows from the text alone: an address
in any of the notations that libcurl and the C library accept (`0x7f.1`, `2130706433`, `①②⑦.⓪.⓪.①`), and
`localhost`.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote

import idna

from app.lib.outbound.addresses import NOTHING_ALLOWED, AllowedNetworks, check_address
from app.lib.outbound.hosts import is_host_name

URL_LENGTH_MAX = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}

_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\\]")
_PARTS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*+)(?P<rest>[^#]*+)(?:#.*)?", re.DOTALL
)
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_NO_NUMBER = 1 << 32


class UrlRefused(ValueError):
    """A URL that Signalbox does not send to; the message tells a person what to change."""


def check_url(url: str, allowed: AllowedNetworks = NOTHING_ALLOWED) -> str:
    """Return `url` normalised: lower-case scheme and host, punycode, plain addresses, no default port, no
    fragment.

    A fragment is dropped (it is never sent); other characters outside ASCII in path and query are
    percent-encoded. Raises UrlRefused with a message for the person who typed it.
    """
    if len(url) > URL_LENGTH_MAX:
        raise UrlRefused(f"The URL is too long: at most {URL_LENGTH_MAX} characters.")
    if _UNSAFE.search(url):
        raise UrlRefused(
            "The URL contains a space, a backslash or an invisible character. Remove or percent-encode it."
        )
    parts = _PARTS.fullmatch(url)
    scheme = parts["scheme"].lower() if parts else ""
    if parts is None or scheme not in _DEFAULT_PORTS:
        raise UrlRefused("Use a URL that starts with https:// or http://.")
    host_text, port = _split_authority(parts["authority"], _DEFAULT_PORTS[scheme])
    host = _check_host(host_text, port, allowed)
    suffix = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    rest = parts["rest"] if parts["rest"].startswith("/") else f"/{parts['rest']}"
    # The safe set is every printable ASCII character: only what is outside ASCII gets encoded.
    checked = f"{scheme}://{host}{suffix}{quote(rest, safe=_PRINTABLE)}"
    if len(checked) > URL_LENGTH_MAX:
        raise UrlRefused(f"The URL is too long once encoded: at most {URL_LENGTH_MAX} characters.")
    return checked


_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def _split_authority(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise UrlRefused(
            "Remove the user name and password from the URL; send credentials in a header instead."
        )
    if authority.startswith("["):
        host, bracket, after = authority.partition("]")
        host += bracket
        if not bracket or (after and not after.startswith(":")):
            raise UrlRefused("The IPv6 address in the URL is not complete: write it as [2001:db8::1].")
        colon, port_text = after[:1], after[1:]
    else:
        host, colon, port_text = authority.partition(":")
    if not host:
        raise UrlRefused("The URL has no host: write it as https://example.com/path.")
    if not colon:
        return host, default_port
    if not (
        port_text.isascii() and port_text.isdigit() and len(port_text) <= 5 and 1 <= int(port_text) <= 65535
    ):
        raise UrlRefused("The port in the URL must be a number from 1 to 65535.")
    return host, int(port_text)


def _check_host(text: str, port: int, allowed: AllowedNetworks) -> str:
    if text.startswith("["):
        address = _parse_v6(text[1:-1])
        _refuse_special(address, port, allowed)
        return str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address}]"
    if "%" in text:
        raise UrlRefused("The host in the URL contains a percent sign. Write the host name without encoding.")
    host = _to_ascii(text)
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        v4 = _parse_v4(host)
        _refuse_special(v4, port, allowed)
        return str(v4)
    if not is_host_name(host):
        raise UrlRefused(f"“{_shown(text)}” is not a valid host name.")
    if host == "localhost" or host.endswith(".localhost"):
        refusals = [check_address(address, port, allowed) for address in ("127.0.0.1", "::1")]
        if all(refusals):
            raise UrlRefused(_sentence(f"{host} is this machine itself"))
    return host


def _to_ascii(text: str) -> str:
    """Return the host as libidn2 would ask for it: mapped, lower-case, punycode, one trailing dot removed."""
    host = text.lower()
    if not host.isascii() or "xn--" in host:
        try:
            host = idna.encode(host, uts46=True).decode("ascii").lower()
        except UnicodeError:
            host = _digits_only(text)
    return host.removesuffix(".")


def _digits_only(text: str) -> str:
    """Return the mapped host if it is an address in disguise; raises UrlRefused if it is no valid name."""
    try:
        mapped = idna.uts46_remap(text)
    except UnicodeError:
        mapped = ""
    if mapped.isascii() and _NUMBER.fullmatch(mapped.removesuffix(".").rpartition(".")[2]):
        return mapped
    raise UrlRefused(f"“{_shown(text)}” is not a valid host name.")


def _parse_v4(host: str) -> IPv4Address:
    """Return the address inet_aton reads: one to four parts, each decimal, octal (0…) or hex (0x…)."""
    *leading, last = [_parse_number(part) for part in host.split(".")]
    if len(leading) > 3 or any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):
        raise UrlRefused(f"“{_shown(host)}” is not a valid IPv4 address.")
    return IPv4Address(sum(number << (24 - 8 * index) for index, number in enumerate(leading)) + last)


def _parse_number(text: str) -> int:
    """Return the number, or one too large for any address when the text is none."""
    if _NUMBER.fullmatch(text) is None or len(text) > 40:
        return _NO_NUMBER
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    if not text.startswith("0"):
        return int(text)
    return _NO_NUMBER if set(text) & {"8", "9"} else int(text, 8)


def _parse_v6(text: str) -> IPv6Address:
    if "%" in text:
        raise UrlRefused("An IPv6 address tied to a network interface (with “%”) cannot be used.")
    try:
        return IPv6Address(text)
    except AddressValueError:
        raise UrlRefused(f"“[{_shown(text)}]” is not a valid IPv6 address.") from None


def _refuse_special(address: IPv4Address | IPv6Address, port: int, allowed: AllowedNetworks) -> None:
    refusal = check_address(address, port, allowed)
    if refusal is not None:
        raise UrlRefused(_sentence(str(refusal)))


def _sentence(reason: str) -> str:
    return f"Signalbox does not send there: {reason}. Its operator can allow it: OUTBOUND_ALLOWED_NETWORKS."


def _shown(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
