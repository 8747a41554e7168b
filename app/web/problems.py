"""Errors as answers: problem+json (RFC 9457) for programs, a page that says what to do for people."""

import structlog
from flask import Flask, Response, current_app, g, make_response, render_template
from flask_wtf.csrf import CSRFError
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from app.lib.errors import (
    ERRORS,
    ErrorKind,
    FieldError,
    InternalError,
    Invalid,
    Malformed,
    SignalboxError,
    Unavailable,
)
from app.web.access import sign_in_again
from app.web.limits import QuotaExceeded
from app.web.rendering import retry_later
from app.web.schemas import PROBLEM_TYPE, FieldProblem, Problem
from app.web.schemes import wants_json

log = structlog.get_logger()

_ERRORS_LISTED_MAX = 100
_NAME_CHARS_MAX = 100


def init_problems(app: Flask) -> None:
    """Answer every error of the app in the caller's language."""
    app.register_error_handler(SignalboxError, _expected)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(Exception, _unexpected)


def invalid_from_pydantic(error: ValidationError) -> Response:
    """Return the problem for a body, query or path that does not fit its schema."""
    if error.error_count() > _ERRORS_LISTED_MAX:
        # Every item of a list can be an error: reporting all of them would take longer than parsing.
        return answer(
            Invalid(f"More than {_ERRORS_LISTED_MAX} values do not fit. Compare the body with /api/docs.")
        )
    errors = [
        FieldError(
            ".".join(str(part)[:_NAME_CHARS_MAX] for part in item["loc"]) or "body",
            item["msg"].removeprefix("Value error, "),
        )
        for item in error.errors()
    ]
    return answer(Invalid("Correct the fields listed under errors.", errors=errors))


def answer(error: SignalboxError) -> Response:
    """Return the response for an expected error."""
    return retry_later(_render(error.kind, error), error)


def _expected(error: SignalboxError) -> Response:
    return answer(error)


def _csrf(error: CSRFError) -> BaseResponse:
    # A user who was signed out meanwhile has no session that the token could belong to: keep the input.
    if (response := sign_in_again()) is not None:
        return response
    detail = "This form was opened in another session. Go back, reload the page and send it again."
    return answer(Malformed(f"{detail} ({error.description})"))


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400 and error.response is not None:
        return make_response(error.response)
    if status in ERRORS:
        kind = ERRORS[status].kind
    else:
        kind = ErrorKind(status=status, code="INTERNAL_ERROR", title=error.name)
    response = _render(kind, SignalboxError(kind.detail or error.description or error.name))
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _database_away(error: OperationalError) -> Response:
    log.warning("database_unreachable", reason=next(iter(str(error.orig).splitlines()), ""))
    detail = "The database does not answer, so nothing was stored. Try again in a moment."
    return answer(Unavailable(detail, retry_after_s=2))


def _unexpected(error: Exception) -> Response:
    log.error("unhandled_error", exc_info=error)
    return answer(InternalError(InternalError.kind.detail))


def _render(kind: ErrorKind, error: SignalboxError) -> Response:
    if not wants_json():
        return _render_page(kind.status, kind.title, error.detail)
    problem = Problem(
        type=error.type,
        title=kind.title,
        status=kind.status,
        detail=error.detail,
        code=kind.code,
        request_id=g.get("request_id", ""),
        errors=[FieldProblem(field=one.field, message=one.message) for one in error.errors] or None,
        violated_policies=list(error.violated) if isinstance(error, QuotaExceeded) else None,
    )
    return current_app.response_class(problem.as_json(), status=kind.status, content_type=PROBLEM_TYPE)


def _render_page(status: int, title: str, detail: str) -> Response:
    request_id = g.get("request_id", "")
    try:
        page = render_template(
            "errors/error.html", status=status, title=title, detail=detail, request_id=request_id
        )
    except Exception:
        # The layout around the page queries teams, and the database may be what just failed.
        log.exception("error_page_failed")
        response = make_response(f"{status} {title}\n\n{detail}\n\nRequest id: {request_id}\n", status)
        response.content_type = "text/plain; charset=utf-8"
        return response
    return make_response(page, status)
