"""The page of a list: reads its address, answers with the page or the part that is asked for, and refreshes it.

Two things look again by themselves, and neither disturbs who reads. Rows that wait for something are replaced in their
place by the same rows as they are now. The line above the list asks whether there are others: who does not read at
that moment (nothing of it is open or in focus, the page is not scrolled; the script says so) gets the newest rows,
everybody else is only told that there are some.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Response, request
from pydantic import ValidationError

from app.db.pages import PAGE_SIZE_MAX, Page
from app.web.access import current_team
from app.web.lists.downloads import csv_download
from app.web.lists.spec import Selection
from app.web.lists.view import BAR, NEWS, ListLook, ListView
from app.web.rendering import render, swaps, unchanged

T = TypeVar("T")

Context = Callable[[], Mapping[str, Any]]


class ListPage(ListLook[T]):
    """The page of a list, by its look."""

    def show(self, context: Context = dict) -> Response:
        """Return the page of what the address asks for, or the part of it that htmx is about to swap.

        `context` returns what the page shows beside the rows. An address that cannot be read is explained.
        """
        wanted, errors = self._read()
        if errors:
            return self._answer(ListView(self, wanted, Page(()), errors=errors), context, status=422)
        team_id = current_team().id
        part_id = f"older-{wanted.cursor}" if wanted.cursor else "newest"
        oldest_id = request.args.get("oldest", "")
        if swaps(part_id) and self.spec.is_row_id(oldest_id):
            return self._same_rows(wanted, oldest_id)
        page = self.spec.find(team_id, wanted)
        if swaps(NEWS):
            return self._news(ListView(self, wanted, page), context)
        return self._answer(ListView(self, wanted, page), context)

    def download(self, context: Context = dict) -> Response:
        """Return all that the address asks for, as CSV; an address that cannot be read is explained on the page."""
        wanted, errors = self._read()
        if errors:
            return self._answer(ListView(self, wanted, Page(()), errors=errors), context, status=422)
        team = current_team()
        name = f"{self.download_name or self.templates}-{team.slug}"
        return csv_download(name, self.cells, self.spec.export(team.id, wanted))

    def _read(self) -> tuple[Selection, dict[str, str]]:
        """Return what is asked for, and what cannot be read of it: a sentence each, by the name in the address."""
        try:
            return self.spec.page_query.model_validate(request.args.to_dict()).selection(), {}
        except ValidationError as error:
            return Selection(), {
                name: words for item in error.errors() for name, words in [self._sentence(dict(item))]
            }

    def _sentence(self, item: Mapping[str, Any]) -> tuple[str, str]:
        if not item["loc"]:
            return "from", "From: it must be earlier than To."
        name = str(item["loc"][0])
        label = {"from": "From", "to": "To", "cursor": "Cursor"}.get(name, name)
        words: str = item["msg"].removeprefix("Value error, ").rstrip(".")
        for one in self.spec.filters:
            if name in one.parameters(is_page=True):
                label = label if name in ("from", "to") else one.label
                words = one.error_words(item["type"]) or words
        return name, f"{label}: {words}."

    def _answer(self, view: ListView[T], context: Context, *, status: int = 200) -> Response:
        for element_id, part in ((view.rows_id, "lists/_part.html"), (BAR, "lists/_bar.html")):
            if swaps(element_id):
                return self._render(view, part, element_id, status=status)
        return self._render(view, "lists/_filtered.html", view.element_id, status=status, **context())

    def _same_rows(self, wanted: Selection, oldest_id: str) -> Response:
        """Return exactly the rows that the asking page shows, as they are now; 204 when nothing changed."""
        # Rows that arrived since would push what somebody reads.
        given = request.args.get("newest", "")
        newest_id = given if self.spec.is_row_id(given) else None
        # More of them may fit the filter by now, and the page's own must not fall behind the link to older rows.
        page = self.spec.find(
            current_team().id, wanted, size=PAGE_SIZE_MAX, oldest_id=oldest_id, newest_id=newest_id
        )
        view = ListView(self, wanted, page, oldest_id=oldest_id)
        if request.args.get("seen") == view.rows_version:
            return unchanged()
        return self._render(view, "lists/_rows.html", view.rows_id)

    def _news(self, view: ListView[T], context: Context) -> Response:
        """Return whether there are other rows than those that the asking page shows, or the newest ones themselves."""
        seen = request.args.get("seen")
        if seen == view.version:
            return unchanged()
        newest_id = request.args.get("newest", "")
        view.has_news = self.spec.has_newer([view.id_of(row) for row in view.rows], newest_id)
        view.shows_rows = request.args.get("idle") == "1" and not view.is_same(seen)
        if not view.shows_rows:
            view.newest_id = newest_id
        return self._render(view, "lists/_news.html", NEWS, **(context() if view.shows_rows else {}))

    def _render(
        self,
        view: ListView[T],
        fragment: str,
        target: str,
        *,
        status: int = 200,
        **context: Any,
    ) -> Response:
        response = render(
            f"{self.templates}/index.html",
            fragment=fragment,
            target=target,
            status=status,
            listing=view,
            rows=view.rows,
            **self.rows_context(view.rows),
            **context,
        )
        if target in (BAR, view.element_id) and swaps(target):
            # What the form sends names every control; the address shall hold what is set.
            response.headers["HX-Push-Url"] = view.newest_url
        return response
