"""`Idempotency-Key` for views of the API that create something.

As the IETF's draft-ietf-httpapi-idempotency-key-header has it: repeating a request under its key returns the
first answer and does nothing again.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from flask import Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.idempotency import rules, services
from app.lib.errors import RateLimited, SignalboxError
from app.web.access import principal
from app.web.openapi.marks import takes_idempotency_key
from app.web.problems import answer

log = structlog.get_logger()

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"


def idempotent(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let callers repeat a request safely. Put it directly above the view, below `@require`.

    Costs nothing without the header. What does not even pass the schemas is refused before and not kept.
    """

    @wraps(view)
    def run_once(**arguments: Any) -> Any:  # noqa: ANN401 - whatever the view returns
        key = request.headers.get(HEADER)
        if key is None:
            return view(**arguments)
        caller = principal()
        path = request.full_path if request.query_string else request.path
        digest = rules.digest_of(caller.id, request.method, path, request.get_data(cache=True))
        claimed = services.claim(caller.team_id, rules.check_key(key), digest)
        if isinstance(claimed, services.Answer):
            return _repeated(claimed)
        return _first(claimed, view, arguments)

    return takes_idempotency_key(run_once)


def _first(claimed: services.Claim, view: Callable[..., Any], arguments: dict[str, Any]) -> Response:
    try:
        try:
            response = current_app.make_response(view(**arguments))
        except SignalboxError as error:
            # Refusals are answers, too; but those that pass by themselves must not last a day.
            if error.status >= 500 or isinstance(error, RateLimited):
                raise
            response = answer(error)
    except BaseException:
        # SQLite has one writer: what the view left open would keep us from freeing the key.
        db.session.rollback()
        services.release(claimed)
        raise
    db.session.rollback()
    try:
        services.keep(claimed, response.status_code, response.get_data())
    except SQLAlchemyError:
        # What was asked for is done. Without the answer the key stays taken until the first request counts as dead.
        log.exception("answer_not_kept", claim=claimed.id)
    return response


def _repeated(kept: services.Answer) -> Response:
    response = current_app.response_class(kept.body, status=kept.status)
    response.content_type = "application/problem+json" if kept.status >= 400 else "application/json"
    response.headers[REPLAYED] = "true"
    return response
