"""Errors as answers: problem+json (RFC 9457) for programs, a page that says what to do for people."""

from typing import Any

import orjson
import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template
from flask_wtf.csrf import CSRFError
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from app.lib.errors import FieldError, Invalid, Malformed, SignalboxError, Unavailable
from app.web.limits import QuotaExceeded
from app.web.schemes import wants_json

log = structlog.get_logger()

_ERRORS_LISTED_MAX = 100
_NAME_CHARS_MAX = 100
_CODES = {
    400: "VALIDATION_ERROR",
    401: "AUTHENTICATION_FAILED",
    403: "AUTHORIZATION_FAILED",
    404: "RESOURCE_NOT_FOUND",
    405: "VALIDATION_ERROR",
    409: "CONFLICT",
    413: "VALIDATION_ERROR",
    415: "VALIDATION_ERROR",
    422: "VALIDATION_ERROR",
    429: "RATE_LIMIT_EXCEEDED",
    503: "SERVICE_UNAVAILABLE",
}
_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The request is larger than this address takes.",
    429: "Too many requests. Wait a moment, then try again.",
    500: "Signalbox made a mistake. It is logged under the request id below.",
}


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
        # Of a list of numbers where texts belong each is an error: telling them all takes longer than reading them.
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
    response = _render(error.status, error.code, error.title, error.detail, error.errors)
    if isinstance(error, QuotaExceeded) and response.is_json:
        problem = response.get_json() | {"type": error.type, "violated-policies": error.violated}
        response.data = orjson.dumps(problem)
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _expected(error: SignalboxError) -> Response:
    return answer(error)


def _csrf(error: CSRFError) -> Response:
    detail = "This form was opened in another session. Go back, reload the page and send it again."
    return answer(Malformed(f"{detail} ({error.description})"))


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400 and error.response is not None:
        return make_response(error.response)
    response = _render(
        status,
        _CODES.get(status, "INTERNAL_ERROR"),
        error.name,
        _DETAILS.get(status) or error.description or error.name,
        (),
    )
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
    return _render(500, "INTERNAL_ERROR", "Something went wrong", _DETAILS[500], ())


def _render(status: int, code: str, title: str, detail: str, errors: tuple[FieldError, ...]) -> Response:
    if not wants_json():
        return _render_page(status, title, detail)
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": g.get("request_id", ""),
    }
    if errors:
        problem["errors"] = [{"field": item.field, "message": item.message} for item in errors]
    response = jsonify(problem)
    response.status_code = status
    response.content_type = "application/problem+json"
    return response


def _render_page(status: int, title: str, detail: str) -> Response:
    request_id = g.get("request_id", "")
    try:
        page = render_template(
            "errors/error.html", status=status, title=title, detail=detail, request_id=request_id
        )
    except Exception:
        # The frame around the page asks the database for teams, and that may be what just failed.
        log.exception("error_page_failed")
        response = make_response(f"{status} {title}\n\n{detail}\n\nRequest id: {request_id}\n", status)
        response.content_type = "text/plain; charset=utf-8"
        return response
    return make_response(page, status)
