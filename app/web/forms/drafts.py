"""Drafts: the input of a form whose session ended is restored after the user has signed in again.

The input is kept in Redis, sealed, for half an hour: one form per user and page. Only the same user gets it back, in
the same browser, once; a cookie with the path of that page holds the proof. Passwords and the secret fields of a form
are left out and named. Only forms that were shown to that user are kept: their token proves it.
"""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import structlog
from flask import Response, after_this_request, current_app, g, has_request_context, request
from flask_login import current_user
from redis.exceptions import RedisError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from wtforms import Form as AnyForm
from wtforms import PasswordField

from app.extensions import current_settings, redis_client, sealer
from app.lib.sealed import CannotOpen
from app.web.forms import tokens, versions

log = structlog.get_logger()

COOKIE = "signalbox_draft"
KEPT_S = 1800
SIZE_MAX_BYTES = 65_536
_TABLE, _COLUMN = "form_drafts", "input"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Draft:
    """The input of a form that could not be sent, and the labels of fields that were left out of it."""

    fields: MultiDict[str, str]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class ReturnPage:
    """The page of a form: where to go on after signing in. `is_input_kept`: the form gets its input back there."""

    url: str | None
    is_input_kept: bool = False


def keeps_input(form: Callable[..., AnyForm], *, prefix: str = "") -> Callable[[View], View]:
    """Mark a view with the form that it takes, so that the input can be kept when the session has ended."""

    def mark(view: View) -> View:
        view.takes_form = (form, prefix)  # type: ignore[attr-defined]
        return view

    return mark


def keep_input() -> ReturnPage:
    """Keep the input of this request, whose session has ended, and return the page of its form."""
    url = _page_of_form()
    view = current_app.view_functions.get(request.endpoint or "")
    form = getattr(view, "takes_form", None)
    user_id = tokens.user_of(request.form.get(tokens.FIELD, ""))
    endpoint = _endpoint_of(url) if url else None
    if url is None or form is None or user_id is None or endpoint is None:
        return ReturnPage(url)
    draft = _draft_of(*form)
    browser = secrets.token_urlsafe(32)
    path = urlsplit(url).path
    text = json.dumps(
        {
            "browser": _digest(browser),
            "path": path,
            "fields": list(draft.fields.items(multi=True)),
            "left_out": draft.left_out,
        }
    )
    if len(text) > SIZE_MAX_BYTES or not _store(_digest(user_id, endpoint), text):
        return ReturnPage(url)
    _set_cookie(path, browser)
    return ReturnPage(url, is_input_kept=True)


def take_draft() -> Draft | None:
    """Remove the draft of this page and return it, if any. It is read once per request."""
    if not has_request_context() or request.method != "GET" or COOKIE not in request.cookies:
        return None
    if "form_draft" not in g:
        g.form_draft = _take(request.cookies[COOKIE]) if current_user.is_authenticated else None
    return cast(Draft | None, g.form_draft)


def _take(browser: str) -> Draft | None:
    row_id = _digest(current_user.id, request.endpoint or "")
    try:
        sealed = cast(bytes | None, redis_client().get(_name(row_id)))
        if sealed is None:
            return None
        kept = json.loads(sealer().open(sealed.decode(), table=_TABLE, column=_COLUMN, row_id=row_id))
        is_ours = kept["browser"] == _digest(browser) and kept["path"] == request.script_root + request.path
        # Of two requests at once, one deletes it.
        if not is_ours or not redis_client().delete(_name(row_id)):
            return None
    except (RedisError, CannotOpen) as error:
        log.warning("draft_not_taken", endpoint=request.endpoint, reason=str(error))
        return None
    _set_cookie(kept["path"], None)
    return Draft(MultiDict([(name, value) for name, value in kept["fields"]]), kept["left_out"])


def _draft_of(new_form: Callable[..., AnyForm], prefix: str) -> Draft:
    form = new_form(prefix=prefix)
    is_secret: frozenset[str] = getattr(form, "SECRET_FIELDS", frozenset())
    fields: MultiDict[str, str] = MultiDict()
    left_out = []
    for field in form:
        values = request.form.getlist(field.name)
        if isinstance(field, PasswordField) or field.short_name in is_secret:
            if any(values):
                left_out.append(str(field.label.text))
        else:
            fields.setlist(field.name, values)
    if versions.FIELD in request.form:
        fields[versions.FIELD] = request.form[versions.FIELD]
    return Draft(fields, left_out)


def _page_of_form() -> str | None:
    """Return the address of the page that the form was on; None when it is not known."""
    if request.method in ("GET", "HEAD") and "HX-Request" not in request.headers:
        return request.script_root + request.full_path.rstrip("?")
    own = request.script_root + request.path
    if request.method not in ("GET", "HEAD") and _endpoint_of(own) is not None:
        return own
    try:
        came_from = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    except ValueError:
        return None
    if came_from.netloc != request.host:
        return None
    # Two slashes at the beginning would make the path another host.
    if came_from.path.startswith("//") or _endpoint_of(came_from.path) is None:
        return None
    return came_from.path + (f"?{came_from.query}" if came_from.query else "")


def _endpoint_of(url: str) -> str | None:
    """Return the endpoint of a page of ours at this address; None where there is none."""
    path = urlsplit(url).path.removeprefix(request.script_root)
    try:
        endpoint, _ = current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return None
    return cast(str, endpoint)


def _store(row_id: str, text: str) -> bool:
    sealed = sealer().seal(text.encode(), table=_TABLE, column=_COLUMN, row_id=row_id)
    try:
        redis_client().set(_name(row_id), sealed, ex=KEPT_S)
    except RedisError as error:
        log.warning("draft_not_kept", endpoint=request.endpoint, reason=str(error))
        return False
    return True


def _set_cookie(path: str, value: str | None) -> None:
    def put(response: Response) -> Response:
        is_secure = current_settings().public_url.startswith("https://")
        options: dict[str, Any] = {
            "path": path, "httponly": True, "samesite": "Lax", "secure": is_secure
        }  # fmt: skip
        if value is None:
            response.delete_cookie(COOKIE, **options)
        else:
            response.set_cookie(COOKIE, value, max_age=KEPT_S, **options)
        return response

    after_this_request(put)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _name(row_id: str) -> str:
    return f"signalbox:draft:{row_id}"
