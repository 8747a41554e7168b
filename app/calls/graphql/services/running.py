"""Runs saved operations."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.calls.graphql.queries import current_version, get_operation
from app.calls.graphql.rules import RunState
from app.calls.graphql.services.answers import read_answer
from app.calls.graphql.services.schemas import stored_schema
from app.calls.graphql.services.sending import send_query
from app.calls.graphql.validation.checks import VariableErrors, check_variables
from app.extensions import db
from app.integrations.services.access import Access, open_access
from app.integrations.services.outgoing import CallOutcome
from app.lib import redact
from app.lib.errors import AuthorizationFailed, Conflict, FieldError, Invalid
from app.lib.outbound import Result
from app.request_log import redaction
from app.web.limits import LimitStatus

#: Needed to run a mutation: it changes what the service stores.
MUTATE = "integrations:mutate"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What became of a run: the real answer, the integration's secrets masked."""

    state: RunState
    words: str
    #: The messages of the service's errors, the first ones.
    errors: tuple[str, ...]
    #: The answer as JSON; None where it is none, or was not read.
    content: Any = field(repr=False)
    #: The answer as text.
    body: str = field(repr=False)
    is_body_cut: bool
    #: None: there was no answer.
    status_code: int | None
    headers: list[tuple[str, str]]
    ran_at: datetime
    #: The transfer, for its timing; its body and headers are not masked.
    result: Result = field(repr=False)
    limits: tuple[LimitStatus, ...]
    log_id: str | None


def run_operation(
    team_id: str, operation_id: str, variables: Mapping[str, Any], *, may_mutate: bool
) -> RunReport:
    """Run an operation with these variables, after they were validated, and return what came of it.

    Queries and mutations are sent once. Raises NotFound, Invalid naming every wrong variable (as `variables.<name>`),
    AuthorizationFailed for a mutation without the permission, Conflict for what cannot be run now, QuotaExceeded,
    Unavailable. No session is open meanwhile.
    """
    operation = get_operation(team_id, operation_id)
    if operation.kind == "mutation" and not may_mutate:
        raise AuthorizationFailed(
            f"{operation.name} is a mutation: running it needs the permission {MUTATE}."
        )
    if operation.problems:
        raise Conflict(
            f"{operation.name} does not fit the current schema: {operation.problems[0]} Change it, then run it."
        )
    # Read before the transaction ends with `open_access`.
    document, name, integration_id = operation.document, operation.name, operation.integration_id
    version = current_version(integration_id, with_sdl=True) if operation.variables or variables else None
    schema = stored_schema(version) if version else None
    access = open_access(team_id, integration_id)
    if schema is not None:
        try:
            check_variables(team_id, schema, document, variables)
        except VariableErrors as error:
            raise _invalid(error) from None
    outcome = send_query(access, document, operation_name=name, variables=variables, source_id=operation_id)
    db.session.rollback()
    return _report(access, outcome)


def _invalid(error: VariableErrors) -> Invalid:
    errors = [
        FieldError(f"variables.{name}" if name else "variables", message) for name, message in error.errors
    ]
    return Invalid(
        "The variables do not fit the operation. Correct those listed under errors.", errors=errors
    )


def _report(access: Access, outcome: CallOutcome) -> RunReport:
    result, answer = outcome.result, read_answer(outcome.result)
    secrets = [one for one in (*access.secret_values, outcome.token) if one]
    text = result.body.decode(errors="replace").replace("\x00", "\ufffd")
    shown = redact.own_secrets(redact.text(text, secret_values=secrets, is_cut=result.body_truncated))
    content = answer.content if shown == text else _json_of(shown)
    return RunReport(
        state=answer.state,
        words=redact.text(answer.words, secret_values=secrets),
        errors=tuple(redact.text(one, secret_values=secrets) for one in answer.errors),
        content=content,
        body=shown,
        is_body_cut=result.body_truncated,
        status_code=result.status_code,
        headers=redaction.headers(redact.headers(result.headers, secret_values=secrets)),
        ran_at=result.started_at,
        result=result,
        limits=outcome.limits,
        log_id=outcome.log_id,
    )


def _json_of(text: str) -> Any:  # noqa: ANN401 - foreign JSON
    """Return JSON in which secrets were masked; None where that left none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
