"""Pages and fragments: one view serves both, from the same template file."""

import hashlib
from typing import Any, TypeVar

from flask import Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from app.lib.errors import SignalboxError

AnyResponse = TypeVar("AnyResponse", bound=BaseResponse)

#: The headers that decide between page and fragment; in `Vary` of every response, so that no cache mixes them up.
_VARY = ("HX-Request", "HX-Target", "HX-History-Restore-Request", "Cookie")


def is_htmx() -> bool:
    """Return whether htmx made this request."""
    return request.headers.get("HX-Request") == "true"


def swaps(element_id: str | None) -> bool:
    """Return whether htmx is about to swap the element; a restored history entry needs the whole page."""
    headers = request.headers
    target, restores = headers.get("HX-Target"), headers.get("HX-History-Restore-Request") == "true"
    return is_htmx() and target == element_id and not restores


def digest(*parts: object) -> str:
    """Return a short hash of the parts: of what a page shows, for `seen` in its address."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def unchanged() -> Response:
    """Return 204, with which htmx changes nothing."""
    response = make_response("", 204)
    response.vary.update(_VARY)
    return response


def render(
    page: str, *, fragment: str | None = None, target: str | None = None, status: int = 200, **context: Any
) -> Response:
    """Return the page, or only the included file `fragment` when htmx asks to swap the element `target`.

    The fragment has one root element whose id is `target`. A restored history entry gets the whole page.
    """
    response = make_response(
        render_template(fragment if fragment and swaps(target) else page, **context), status
    )
    response.vary.update(_VARY)
    return response


def retry_later(response: AnyResponse, error: SignalboxError) -> AnyResponse:
    """Return the response to a refused request, with when it is worth another try where the error says that."""
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def redirect_after(url: str) -> BaseResponse:
    """Return a redirect after a mutation: 303, and for htmx 204 with HX-Redirect (it ignores headers on 3xx)."""
    if is_htmx():
        response = make_response("", 204)
        response.headers["HX-Redirect"] = url
        return response
    return redirect(url, 303)


def render_after(page: BaseResponse, url: str) -> BaseResponse:
    """Return the whole page of `url` as the answer to the form that would have led there.

    htmx shows it in place of the page with the form, under its address. It is not cached.
    """
    page.headers["Cache-Control"] = "private, no-store"
    if is_htmx():
        page.headers["HX-Retarget"] = "body"
        page.headers["HX-Reswap"] = "innerHTML show:window:top"
        page.headers["HX-Push-Url"] = url
    return page
