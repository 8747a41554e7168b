"""Records the calls of the API: after each answer, what the call was and how it was answered."""

import time
from itertools import islice
from typing import cast

from flask import Flask, Response, current_app, g, request

from app.extensions import current_settings
from app.lib import clock
from app.lib.ids import new_id
from app.lib.redact import MASK
from app.request_log.buffer import CALL_BUFFER, CallBuffer
from app.request_log.calls import (
    BODY_KEPT_MAX_BYTES,
    HEADER_CHARS_MAX,
    HEADERS_MAX,
    PATH_CHARS_MAX,
    USER_AGENT_CHARS_MAX,
    Call,
    Details,
    read_refusal,
)
from app.web.access import find_principal
from app.web.schemes import wants_json
from app.web.secret_fields import RequestSecrets, secrets_of

_NO_ROUTE = RequestSecrets()


def init_request_log(app: Flask) -> None:
    """Record every call that belongs to a team, unless the operator wants no request log."""
    with app.app_context():
        if not current_settings().request_log_days:
            return
    CALL_BUFFER.put(app, CallBuffer(app, is_background=not app.testing))
    app.before_request(start_timer)
    app.after_request(record_call)


def start_timer() -> None:
    """Store when the request began, for its duration."""
    g.began_s = time.perf_counter()


def record_call(response: Response) -> Response:
    """Record the call, if it is one of the API and of a team; returns its response."""
    if not wants_json():
        return response
    caller = find_principal()
    if caller is not None:
        key_id, key_name, team_id = caller.id, caller.name, caller.team_id
    elif "refused_key" in g:
        key_id, key_name, team_id = g.refused_key
    else:
        return response
    buffer = CALL_BUFFER.get()
    status, code, detail, details = response.status_code, None, None, None
    environ, rule, request_id = request.environ, request.url_rule, g.get("request_id")
    secrets = secrets_of(current_app.view_functions[rule.endpoint]) if rule is not None else _NO_ROUTE
    if status >= 400:
        code, detail, answer = read_refusal(
            b"" if response.direct_passthrough else response.get_data(), secrets
        )
        details = _details(answer) if buffer.wants_details() else None
    buffer.add(
        Call(
            # The id of the request, where it was born here: what a caller chose could be there already.
            request_id if request_id and request_id != environ.get("HTTP_X_REQUEST_ID") else new_id("req"),
            clock.epoch_s(),
            team_id,
            key_id,
            key_name,
            request.method,
            _path(secrets),
            request.query_string[:PATH_CHARS_MAX],
            rule.rule if rule is not None else None,
            status,
            (time.perf_counter() - g.began_s) * 1000 if "began_s" in g else 0.0,
            request.content_length or 0,
            response.calculate_content_length() or 0,
            request.remote_addr,
            environ.get("HTTP_USER_AGENT", "")[:USER_AGENT_CHARS_MAX] or None,
            request_id,
            code,
            detail,
            details,
            secrets,
        )
    )
    return response


def _path(secrets: RequestSecrets) -> str:
    path, values = request.path, request.view_args or {}
    for name in secrets.path & values.keys():
        path = path.replace(str(values[name]), MASK)
    return path[:PATH_CHARS_MAX]


def _details(answer: bytes | None) -> Details:
    # Only what was read already: who is refused before that must not make us wait for a body.
    body = cast(bytes | None, getattr(request, "_cached_data", None))
    headers = [
        (name, value[:HEADER_CHARS_MAX]) for name, value in islice(request.headers.items(), HEADERS_MAX)
    ]
    return Details(headers, *_cut(body), *_cut(answer))


def _cut(body: bytes | None) -> tuple[bytes | None, bool]:
    """Return what is kept of a body, and whether something is missing."""
    if body is None:
        return None, False
    return body[:BODY_KEPT_MAX_BYTES], len(body) > BODY_KEPT_MAX_BYTES
