"""Finds the next page from an answer. Pure: an address that an answer names is only read here, and checked by the caller."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self
from urllib.parse import urljoin

from app.calls.rest.definition import Pagination
from app.calls.rest.json_values import MISSING, resolve
from app.calls.rest.rules import CURSOR_MAX_CHARS


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: the value of the pagination's parameter, or an address. Both None: with the first record."""

    value: int | float | str | None = None
    #: Absolute, as the answer before names it.
    url: str | None = None

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """Return what `as_json` returned."""
        return cls(stored["value"], stored["url"])

    def as_json(self) -> dict[str, Any]:
        """Return the position as a value of JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """A page as its successor is found from it. `url`: its own address."""

    url: str
    headers: Sequence[tuple[str, str]]
    body: Any
    #: None: the answer has no list of records.
    records: list[Any] | None


class CannotGoOn(Exception):
    """An answer lacks what the next page is found with; says what."""


def first_position(pagination: Pagination) -> Position:
    """Return where the first page begins."""
    match pagination.strategy:
        case "page":
            return Position(pagination.first_page)
        case "offset":
            return Position(0)
        case _:
            return Position()


def next_position(pagination: Pagination, here: Position, answer: PageAnswer) -> Position | None:
    """Return where the next page begins; None: this is the last one. Raises CannotGoOn."""
    match pagination.strategy:
        case "page" | "offset":
            step = 1 if pagination.strategy == "page" else len(_records(answer))
            is_last = _is_last(pagination, answer)
            return None if is_last else Position(int(here.value or 0) + step)
        case "keyset":
            return None if _is_last(pagination, answer) else Position(_key(pagination, answer))
        case "cursor":
            cursor = _cursor(pagination, answer)
            return None if cursor is None else Position(cursor)
        case "link_header":
            url = next_link(answer.headers)
        case "next_url":
            url = _next_url(pagination, answer)
        case _:
            return None
    return Position(url=_joined(answer.url, url)) if url else None


def next_link(headers: Sequence[tuple[str, str]]) -> str | None:
    """Return the target of the first link with rel="next" among the `Link` headers (RFC 8288 §3)."""
    links = ", ".join(value for name, value in headers if name.lower() == "link")
    for part in links.split("<")[1:]:
        target, _, attributes = part.partition(">")
        for attribute in attributes.split(";"):
            name, _, value = attribute.partition("=")
            if name.strip().lower() == "rel" and "next" in value.strip(' ,"\t').lower().split():
                return target.strip()
    return None


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError:
        raise CannotGoOn("What the answer names as the next page is no address.") from None


def _is_last(pagination: Pagination, answer: PageAnswer) -> bool:
    """Return whether the answer ends the list: it is empty, or shorter than what was asked for."""
    count = len(_records(answer))
    return count == 0 or (
        bool(pagination.size_parameter) and pagination.size is not None and count < pagination.size
    )


def _records(answer: PageAnswer) -> list[Any]:
    if answer.records is None:
        raise CannotGoOn("The answer has no list of records, so it does not say whether there are more.")
    return answer.records


def _cursor(pagination: Pagination, answer: PageAnswer) -> int | float | str | None:
    if pagination.next_header:
        wanted = pagination.next_header.lower()
        found: Any = next((value for name, value in answer.headers if name.lower() == wanted), None)
    else:
        found = resolve(answer.body, pagination.next_at)
    return None if found is MISSING or found in (None, "", False) else _as_position(found, "cursor")


def _next_url(pagination: Pagination, answer: PageAnswer) -> str | None:
    found = resolve(answer.body, pagination.next_at)
    if found is MISSING or not found:
        return None
    if not isinstance(found, str) or len(found) > CURSOR_MAX_CHARS:
        raise CannotGoOn(f"What is at {pagination.next_at} is no address.")
    return found


def _key(pagination: Pagination, answer: PageAnswer) -> int | float | str:
    found = resolve(_records(answer)[-1], pagination.key_at)
    if found is MISSING or found is None:
        raise CannotGoOn(f"The last record has no {pagination.key_at}, so the next page cannot be asked for.")
    return _as_position(found, "key")


def _as_position(found: object, what: str) -> int | float | str:
    is_plain = isinstance(found, int | float | str) and not isinstance(found, bool)
    if not is_plain or len(str(found)) > CURSOR_MAX_CHARS:
        raise CannotGoOn(f"The {what} of the next page is neither a text nor a number.")
    return found  # type: ignore[return-value]
