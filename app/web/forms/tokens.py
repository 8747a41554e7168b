"""One-time tokens: a form is carried out once, however often it is sent.

Every form carries a random token, signed for the user whom it was shown to. The first request that brings it claims it
in Redis and runs; its result is kept for a day. A second one with the same input (a double click, a form sent again
after Back, two copies of a tab) gets the first one's result and does nothing: also when the first one took away the
right to send it again, as leaving a team does. A form that was refused can be corrected and sent again. With other input
it counts as another form, as when a user goes back to create one more.

This is no protection against forged requests: the CSRF token is checked before, for every form.
Without Redis forms work as before, each request for itself: a double click then may create two. The same goes for a
process that dies between the commit and keeping the result, and when the first takes longer than `RUNS_AT_MOST_S`.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import structlog
from flask import current_app, flash, request, session
from flask.json.tag import TaggedJSONSerializer
from flask_login import current_user
from itsdangerous import BadData, URLSafeSerializer
from redis.exceptions import RedisError
from werkzeug.wrappers import Response

from app.extensions import current_settings, db, redis_client, sealer
from app.lib import clock
from app.lib.errors import Conflict
from app.lib.sealed import CannotOpen
from app.web.rendering import redirect_after

log = structlog.get_logger()

FIELD = "form_token"
#: How long the result of a form is repeated.
KEPT_S = 86_400
#: After so long without a result the process that ran the request counts as dead.
RUNS_AT_MOST_S = 60
#: How long a second request waits for the result of the first.
WAITS_AT_MOST_S = 5.0
_LOOK_AGAIN_S = 0.05
#: A later repetition shows a message of its own: those of the first were shown long ago.
_SAME_CLICK_S = 5
_TOKEN_CHARS_MAX = 200
_RUNNING = b"running:"
_TABLE, _COLUMN = "form_results", "result"
_MESSAGES = "_flashes"

View = TypeVar("View", bound=Callable[..., Any])
_session_values = TaggedJSONSerializer()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in Redis the result of one sending of a form is kept."""

    row_id: str

    @property
    def name(self) -> str:
        return f"signalbox:form:{self.row_id}"


def new_token() -> str:
    """Return a token for one form on one page, signed for the user who gets it."""
    user_id = current_user.id if current_user.is_authenticated else ""
    return str(_signer().dumps([secrets.token_urlsafe(16), user_id]))


def user_of(token: str) -> str | None:
    """Return the id of the user to whom a form with this token was shown; None for nobody, or a token not of ours."""
    if not token or len(token) > _TOKEN_CHARS_MAX:
        return None
    try:
        _, user_id = _signer().loads(token)
    except (BadData, ValueError, TypeError):
        return None
    return cast(str, user_id) or None


def runs_once(view: View) -> View:
    """Let the form of a view be carried out once. Put it directly above the view, below its mark of access.

    The view redirects to what came of it; any other response, and a redirect with an error message, leave the form as
    not sent. A request without a token runs as it is.
    """

    @wraps(view)
    def run_once(**arguments: Any) -> Any:  # noqa: ANN401 - whatever the view returns
        place = _place_of_form()
        if place is None:
            return view(**arguments)
        # Finding the principal began a transaction, which holds SQLite's one writer: end it before waiting.
        db.session.rollback()
        try:
            result = _result_of_first(place, claims=True)
        except RedisError as error:
            log.warning("form_not_claimed", endpoint=request.endpoint, reason=str(error))
            return view(**arguments)
        return _first(place, view, arguments) if result is None else _repeated(result)

    run_once.runs_once = True  # type: ignore[attr-defined]
    return cast(View, run_once)


def repeated_response() -> Response | None:
    """Return what came of this form, when it was carried out before; None when it was not.

    For a request that is about to be refused: carrying out the form may be what ended the session or the right.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    place = _place_of_form() if request.method == "POST" and getattr(view, "runs_once", False) else None
    if place is None:
        return None
    db.session.rollback()
    try:
        result = _result_of_first(place, claims=False)
    except RedisError as error:
        log.warning("form_result_not_read", endpoint=request.endpoint, reason=str(error))
        return None
    return None if result is None else _repeated(result)


def _first(place: _Place, view: Callable[..., Any], arguments: Mapping[str, Any]) -> Response:
    before = {name: _session_values.dumps(value) for name, value in session.items()}
    try:
        response: Response = current_app.make_response(view(**arguments))
    except BaseException:
        _release(place)
        raise
    url = response.headers.get("HX-Redirect") or response.location
    if url and response.status_code < 400 and not _says_error(before):
        _keep(place, url, before)
    else:
        _release(place)
    return response


def _says_error(before: Mapping[str, str]) -> bool:
    """Return whether the view left an error message for the next page."""
    messages = session.get(_MESSAGES, [])
    is_new = _session_values.dumps(messages) != before.get(_MESSAGES)
    return is_new and any(category == "error" for category, _ in messages)


def _repeated(result: Mapping[str, Any]) -> Response:
    """Return the answer to the first request, with the session values that it set."""
    is_late = clock.now().timestamp() - result["at_s"] > _SAME_CLICK_S
    # The response to the first of two clicks is lost, its cookie with it. Later on, whoever the form was shown to must be
    # signed in: what a form renewed is not given to an older copy of the cookie.
    shown_to = user_of(request.form[FIELD])
    if not is_late or shown_to is None or (current_user.is_authenticated and current_user.id == shown_to):
        for name in result["removed"]:
            session.pop(name, None)
        session.update(_session_values.loads(result["session"]))
    if is_late:
        session.pop(_MESSAGES, None)
        flash("This form was sent before. Here is what came of it; nothing was done again.", "info")
    return redirect_after(result["url"])


def _result_of_first(place: _Place, *, claims: bool) -> Mapping[str, Any] | None:
    """Return the result of the first request; None when there is none, and with `claims` this one is it from now on.

    Raises Conflict while the first is running.
    """
    ends_at = time.monotonic() + WAITS_AT_MOST_S
    while True:
        if claims and redis_client().set(place.name, _RUNNING, nx=True, ex=RUNS_AT_MOST_S):
            return None
        found = cast(bytes | None, redis_client().get(place.name))
        if found is None and not claims:
            return None
        if found is not None and found != _RUNNING:
            return _open(place, found)
        if time.monotonic() > ends_at:
            raise Conflict(
                "This form was sent twice, and the first is still being carried out. Look in a moment for what comes"
                " of it, before you send another.",
                retry_after_s=2,
            )
        time.sleep(_LOOK_AGAIN_S)


def _keep(place: _Place, url: str, before: Mapping[str, str]) -> None:
    after = {name: _session_values.dumps(value) for name, value in session.items()}
    changed = {name: session[name] for name, value in after.items() if before.get(name) != value}
    result = {
        "url": url,
        "removed": [name for name in before if name not in after],
        "session": _session_values.dumps(changed),
        "at_s": clock.now().timestamp(),
    }
    # Sealed: the session may be that of a user who has just signed up.
    sealed = sealer().seal(json.dumps(result).encode(), table=_TABLE, column=_COLUMN, row_id=place.row_id)
    try:
        redis_client().set(place.name, sealed, ex=KEPT_S)
    except RedisError as error:
        log.warning("form_result_not_kept", endpoint=request.endpoint, reason=str(error))


def _release(place: _Place) -> None:
    try:
        redis_client().delete(place.name)
    except RedisError as error:
        log.warning("form_not_released", endpoint=request.endpoint, reason=str(error))


def _open(place: _Place, sealed: bytes) -> Mapping[str, Any]:
    try:
        opened = sealer().open(sealed.decode(), table=_TABLE, column=_COLUMN, row_id=place.row_id)
    except CannotOpen:
        raise Conflict(
            "This form was sent before. Look for what it created before you send another."
        ) from None
    return cast(Mapping[str, Any], json.loads(opened))


def _place_of_form() -> _Place | None:
    """Return the Redis key of the request's form: it differs with the browser, the address and the input.

    None for a form without a token.
    """
    token = request.form.get(FIELD, "")
    if not 0 < len(token) <= _TOKEN_CHARS_MAX:
        return None
    # The secret of the browser's session, which the session's end leaves in a copy of its cookie.
    browser = session.get("csrf_token", "")
    sent = [
        (name, value) for name, value in request.form.items(multi=True) if name not in (FIELD, "csrf_token")
    ]
    parts = json.dumps([token, browser, request.path, sent])
    return _Place(hashlib.sha256(parts.encode()).hexdigest())


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_settings().secret_key, salt="signalbox.form")
