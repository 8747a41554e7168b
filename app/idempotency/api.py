"""`Idempotency-Key` for views of the API that create something.

As the IETF's draft-ietf-httpapi-idempotency-key-header has it: repeating a request under its key returns the
first answer and does nothing again. Secrets are the exception: only the first answer shows them.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
import structlog
from flask import Flask, Response, current_app, request
from pydantic import BaseModel
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.idempotency import rules, services
from app.idempotency.masking import masks
from app.lib.errors import Conflict, RateLimited, SignalboxError
from app.web.access import principal
from app.web.openapi.marks import takes_idempotency_key
from app.web.problems import answer
from app.web.responses import respond
from app.web.schemas import secret_fields

log = structlog.get_logger()

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

View = Callable[..., Any]
#: Returns the answer for what was created, by its id; its secrets are replaced. Raises NotFound when it is gone.
Replay = Callable[[str], BaseModel]


def init_idempotency(_app: Flask) -> None:
    """Let every commit under an Idempotency-Key carry the mark that the request was carried out."""
    if not event.contains(db.session, "before_commit", services.record_commit):
        event.listen(db.session, "before_commit", services.record_commit)


def idempotent(model: type[BaseModel], *, status: int, replay: Replay) -> Callable[[View], View]:
    """Let callers repeat a request safely. Put it directly above the view, below `@require`.

    `model` and `status` are those of the view's answer; `replay` makes that answer again when the server died before
    it could be stored. The service behind the view records what it created, with `services.record_outcome()`. Costs
    nothing without the header. A request that does not pass the schemas is refused before this and not recorded.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def run_once(**arguments: Any) -> Any:  # noqa: ANN401 - whatever the view returns
            key = request.headers.get(HEADER)
            if key is None:
                return view(**arguments)
            caller = principal()
            path = request.full_path if request.query_string else request.path
            digest = rules.digest_of(caller.id, request.method, path, request.get_data(cache=True))
            found = services.claim(caller.team_id, rules.check_key(key), digest)
            if isinstance(found, services.Answer):
                return _repeated(current_app.response_class(found.body, status=found.status))
            if isinstance(found, services.Committed):
                return _rebuilt(found, model, status, replay)
            return _first(found, model, view, arguments)

        run_once.repeatable_model = model  # type: ignore[attr-defined]
        return takes_idempotency_key(run_once)

    return decorate


def _first(claim: services.Claim, model: type[BaseModel], view: View, arguments: dict[str, Any]) -> Response:
    try:
        try:
            with services.running_under(claim):
                response = current_app.make_response(view(**arguments))
        except SignalboxError as error:
            # Refusals are answers, too, and repeated. Temporary ones are not: they would last for a day.
            if error.status >= 500 or isinstance(error, RateLimited):
                raise
            response = answer(error)
    except BaseException:
        # SQLite has one writer: a transaction that the view left open would block freeing the key.
        db.session.rollback()
        services.release(claim)
        raise
    db.session.rollback()
    try:
        services.keep(claim, response.status_code, _without_secrets(response, model))
    except SQLAlchemyError:
        # The request is committed and marked as such: a repetition is answered from the object that it created.
        log.exception("answer_not_stored", claim=claim.id)
    return response


def _without_secrets(response: Response, model: type[BaseModel]) -> bytes:
    if response.status_code >= 400 or not secret_fields(model):
        return response.get_data()
    body = response.get_json()
    return orjson.dumps({**body, **masks(model, body["id"])})


def _rebuilt(committed: services.Committed, model: type[BaseModel], status: int, replay: Replay) -> Response:
    if committed.object_id is None:
        raise Conflict(
            "The first request under this Idempotency-Key was carried out, but its answer is lost. Look for what it"
            " created before you use a new key."
        )
    masked = replay(committed.object_id).model_copy(update=masks(model, committed.object_id))
    return _repeated(respond(masked, status))


def _repeated(response: Response) -> Response:
    response.content_type = "application/problem+json" if response.status_code >= 400 else "application/json"
    response.headers[REPLAYED] = "true"
    return response
