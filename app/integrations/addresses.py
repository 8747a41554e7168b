"""Templates of addresses and headers: `https://{subdomain}.example.com`. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

_NAME = re.compile(r"\{([a-z_]{1,40})\}")
#: One part of a host name (RFC 1123 §2.1).
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HOST_CHARS_MAX = 253


class MissingValue(Exception):
    """A template holds a name that has no value (yet)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has no value")
        self.name = name


def names_in(template: str) -> tuple[str, ...]:
    """Return the names that a template holds, in their order."""
    return tuple(_NAME.findall(template))


def expand(template: str, values: Mapping[str, str]) -> str:
    """Return the template with every name replaced by its value, once: values are not expanded. Raises MissingValue."""

    def value_of(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if not value:
            raise MissingValue(match[1])
        return value

    return _NAME.sub(value_of, template)


def expand_query(template: str, values: Mapping[str, str]) -> str:
    """Return the template with every name replaced by its value, percent-encoded. Raises MissingValue."""
    return expand(template, {name: quote(value, safe="") for name, value in values.items()})


def is_host_label(text: str) -> bool:
    """Return whether the text is one part of a host name: nothing typed so can leave the domain it stands in."""
    return _LABEL.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Return whether the text is a host name, without scheme, port and path."""
    return len(text) <= _HOST_CHARS_MAX and all(is_host_label(part) for part in text.split("."))


def is_path_segment(text: str) -> bool:
    """Return whether the text can stand between two slashes of a path and nowhere else."""
    return text not in {".", ".."} and not any(char in "/\\?#%" or not char.isprintable() for char in text)


def is_path(text: str) -> bool:
    """Return whether the text is a path, with or without a query, that stays on its server."""
    is_plain = text.isascii() and text.isprintable() and not any(char in " #\\{}" for char in text)
    return is_plain and text.startswith("/") and not text.startswith("//")


def is_header_name(text: str) -> bool:
    """Return whether the text can name a header (RFC 9110 §5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def origin_of(url: str) -> tuple[str, str]:
    """Return scheme, and host with port, of an address: where a secret sent there arrives."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
