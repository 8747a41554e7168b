"""What both lists share: reading their filters, and refreshing themselves without disturbing who reads.

The list is looked at again every 30 seconds. Who does not read it at that moment (nothing of it is open or in focus,
the page is not scrolled; the script says so) gets the newest rows; everybody else only the news that there are some.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, make_response, request, url_for
from pydantic import ValidationError

from app.lib.paging import Page
from app.web.rendering import is_htmx

REFRESH_S = 30
#: The element that looks again, and the bar around it.
NEWS, BAR = "list-news", "list-bar"


@dataclass(frozen=True, slots=True)
class Listing:
    """The addresses of one list. `endpoint` shows it, `export_endpoint` downloads it."""

    endpoint: str
    export_endpoint: str
    filters: tuple[str, ...]

    def here(self) -> dict[str, Any]:
        """Return the filters that are set, and whether refreshing is paused, as they stand in the address."""
        names = (*self.filters, "paused")
        return {name: value for name in names if (value := request.args.get(name, "").strip())}

    def context(self, page: Page[Any], *, is_first: bool) -> dict[str, Any]:
        """Return what the templates of a list need beside its rows."""
        here = self.here()
        filters = {name: value for name, value in here.items() if name != "paused"}
        back_to = page.searched_back_to
        return {
            "values": {name: here.get(name, "") for name in self.filters},
            "rows": page.rows,
            "is_first": is_first,
            "is_paused": "paused" in here,
            "refresh_s": REFRESH_S,
            "news_url": url_for(self.endpoint, **here, seen=version_of(page)),
            "has_news": False,
            "shows_rows": False,
            "is_bar_oob": False,
            "rows_id": f"older-{request.args.get('cursor', '').strip()}" if not is_first else "newest",
            "bar_fields": filters,
            "list_url": url_for(self.endpoint),
            "newest_url": url_for(self.endpoint, **here),
            "clear_url": url_for(self.endpoint, paused=here.get("paused")),
            "export_url": url_for(self.export_endpoint, **filters),
            "next_cursor": page.next_cursor,
            "older_url": url_for(self.endpoint, **here, cursor=page.next_cursor)
            if page.next_cursor
            else None,
            "searched_back_to": datetime.fromisoformat(back_to) if back_to else None,
        }


def version_of(page: Page[Any]) -> str:
    """Return a short word that changes with the rows of the page."""
    return hashlib.blake2b(repr([row.id for row in page.rows]).encode(), digest_size=8).hexdigest()


def swaps(element_id: str) -> bool:
    """Return whether htmx is about to swap the element; a restored history entry needs the whole page."""
    headers = request.headers
    return (
        is_htmx()
        and headers.get("HX-Target") == element_id
        and headers.get("HX-History-Restore-Request") != "true"
    )


def unchanged() -> Response:
    """Return the answer that lets htmx leave everything as it is."""
    response = make_response("", 204)
    response.vary.update(("HX-Request", "HX-Target", "HX-History-Restore-Request", "Cookie"))
    return response


def in_words(error: ValidationError, labels: Mapping[str, str]) -> Sequence[str]:
    """Return what is wrong with the filters, a sentence each."""
    sentences = []
    for item in error.errors():
        field = str(item["loc"][0]) if item["loc"] else ""
        words = item["msg"].removeprefix("Value error, ").rstrip(".")
        if item["type"].startswith("datetime"):
            words = "write a time such as 2026-11-21T14:00 (UTC)"
        label = labels.get(field, field.capitalize())
        sentences.append(f"{label}: {words}." if label else f"{words[:1].upper()}{words[1:]}.")
    return sentences
