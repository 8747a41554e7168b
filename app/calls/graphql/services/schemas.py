"""Takes over schemas: read, compared with the current one, saved operations checked, shown, and only then saved."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.audit.trail import record
from app.calls.graphql import introspection, rules
from app.calls.graphql.models import Operation, SchemaVersion
from app.calls.graphql.queries import current_version, get_proposal, operations_of
from app.calls.graphql.rules import Severity
from app.calls.graphql.services.answers import read_answer
from app.calls.graphql.services.sending import check_has_graphql, checked_headers, send_query
from app.calls.graphql.validation.checks import CheckedDocument, StoredSchema, TakenSchema, take_schema
from app.extensions import db
from app.integrations.queries.integrations import get_integration
from app.integrations.services.access import open_access
from app.integrations.services.integrations import lock_integration
from app.lib import redact
from app.lib.errors import Conflict, Invalid, SignalboxError

Headers = Sequence[tuple[str, str]]
_CHANGED = "The schema or an operation was changed at the same moment. Read the schema again, and look at the result."


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a new schema is compared with: the current one with its number, and the operations' documents by id."""

    schema: StoredSchema | None
    number: int | None
    documents: dict[str, str]


class BreaksOperations(Conflict):
    """A schema breaks saved operations, and nobody has agreed to that."""

    def __init__(self, version: SchemaVersion) -> None:
        self.broken = list(version.broken)
        names = ", ".join(one["name"] for one in self.broken[:10])
        super().__init__(
            f"It breaks {len(self.broken)} of {version.operation_count} saved operations: {names}."
            " Change them first, or save it all the same (accept_broken)."
        )


def propose_schema(
    team_id: str,
    integration_id: str,
    *,
    sdl: str | None = None,
    headers: Headers = (),
    created_by_id: str | None = None,
) -> SchemaVersion | None:
    """Read a schema, from `sdl` or else from the server, and store it as a proposal with what it would change and break.

    Returns None where it is the current one. The first schema has nothing to break: it is saved at once. `headers` go
    with the request for it and are not stored. Raises NotFound, Invalid, Conflict saying why the server did not show it,
    QuotaExceeded, Unavailable.
    """
    check_has_graphql(get_integration(team_id, integration_id))
    basis = _basis_of(integration_id)
    answer = _introspect(team_id, integration_id, headers) if sdl is None else None
    if sdl is not None and len(sdl.encode(errors="replace")) > rules.SDL_MAX_BYTES:
        raise Invalid.field("sdl", f"Send at most {rules.SDL_MAX_BYTES} bytes.")
    try:
        taken = take_schema(
            team_id, sdl=sdl, introspection=answer, before=basis.schema, documents=basis.documents
        )
    except Invalid as error:
        if sdl is not None:
            raise
        raise Conflict(f"The server's schema cannot be taken over. {_words_of(error)}") from None
    return _store_proposal(
        team_id, integration_id, basis, taken, "sdl" if sdl is not None else "introspection", created_by_id
    )


def accept_proposal(
    team_id: str, integration_id: str, proposal_id: str, *, may_break: Collection[str] | None
) -> SchemaVersion:
    """Make a proposal the current schema, and note on each operation whether it fits.

    `may_break` are the operations that it may break; None: any. The operations are checked once more: one that was
    added meanwhile counts. Raises NotFound when the proposal was replaced, BreaksOperations, and Conflict when something
    changed at the same moment.
    """
    get_integration(team_id, integration_id)
    proposal = get_proposal(integration_id)
    if proposal.id != proposal_id:
        raise Conflict(_CHANGED)
    basis, sdl = _basis_of(integration_id, ends_session=False), proposal.sdl
    db.session.rollback()
    taken = take_schema(team_id, sdl=sdl, documents=basis.documents)
    session = db.session()
    lock_integration(session, team_id, integration_id)
    proposal = get_proposal(integration_id)
    operations = operations_of(integration_id)
    is_unchanged = proposal.id == proposal_id and _is_still(basis, integration_id, operations)
    if not is_unchanged or proposal.base_number != basis.number:
        session.rollback()
        raise Conflict(_CHANGED)
    proposal.broken, proposal.operation_count = _broken(operations, taken), len(operations)
    if may_break is not None and not {one["id"] for one in proposal.broken} <= set(may_break):
        error = BreaksOperations(proposal)
        session.commit()
        raise error
    _take_over(session, proposal, operations, taken, basis)
    session.commit()
    return proposal


def discard_proposal(team_id: str, integration_id: str) -> None:
    """Delete the proposal: the current schema stays. Without one nothing is done. Raises NotFound."""
    get_integration(team_id, integration_id)
    session = db.session()
    _delete_proposal(session, integration_id)
    session.commit()


def stored_schema(version: SchemaVersion) -> StoredSchema:
    """Return a version's schema as the validator takes it."""
    return StoredSchema(version.sdl_hash, version.sdl)


def _basis_of(integration_id: str, *, ends_session: bool = True) -> _Basis:
    version = current_version(integration_id, with_sdl=True)
    documents = {operation.id: operation.document for operation in operations_of(integration_id)}
    basis = _Basis(
        stored_schema(version) if version else None, version.number if version else None, documents
    )
    if ends_session:
        db.session.rollback()
    return basis


def _is_still(basis: _Basis, integration_id: str, operations: Sequence[Operation]) -> bool:
    version = current_version(integration_id)
    number = version.number if version else None
    return number == basis.number and basis.documents == {one.id: one.document for one in operations}


def _introspect(team_id: str, integration_id: str, headers: Headers) -> str:
    """Return the server's answer to the introspection query. Raises Conflict with what it said instead."""
    headers = checked_headers(headers, headers_max=rules.INTROSPECTION_HEADERS_MAX)
    access = open_access(team_id, integration_id)
    outcome = send_query(
        access,
        introspection.QUERY,
        operation_name=introspection.NAME,
        headers=headers,
        max_body_bytes=rules.INTROSPECTION_MAX_BYTES,
    )
    result = outcome.result
    if result.error_kind is None and result.status_code == 200 and not result.body_truncated:
        return result.body.decode(errors="replace")
    answer = read_answer(result)
    secrets = (*access.secret_values, outcome.token, *(value for _, value in headers))
    words = " ".join([answer.words, *answer.errors[:3]])
    raise Conflict(
        f"The schema was not read. {redact.text(words, secret_values=[one for one in secrets if one])}"
    )


def _words_of(error: SignalboxError) -> str:
    return " ".join(one.message for one in error.errors) or error.detail


def _store_proposal(
    team_id: str,
    integration_id: str,
    basis: _Basis,
    taken: TakenSchema,
    source: str,
    created_by_id: str | None,
) -> SchemaVersion | None:
    session = db.session()
    lock_integration(session, team_id, integration_id)
    operations = operations_of(integration_id)
    if not _is_still(basis, integration_id, operations):
        session.rollback()
        raise Conflict(_CHANGED)
    _delete_proposal(session, integration_id)
    if basis.schema is not None and basis.schema.hash == taken.schema.hash:
        session.commit()
        return None
    proposal = SchemaVersion(
        integration_id=integration_id,
        team_id=team_id,
        base_number=basis.number,
        source=source,
        sdl=taken.schema.sdl,
        sdl_hash=taken.schema.hash,
        types=taken.types,
        queries=taken.queries,
        mutations=taken.mutations,
        breaking=taken.count(Severity.BREAKING),
        dangerous=taken.count(Severity.DANGEROUS),
        safe=taken.count(Severity.SAFE),
        changes={severity: found["first"] for severity, found in taken.changes.items()},
        broken=_broken(operations, taken),
        operation_count=len(operations),
        created_by_id=created_by_id,
    )
    session.add(proposal)
    session.flush()
    if basis.number is None:
        _take_over(session, proposal, operations, taken, basis)
    session.commit()
    return proposal


def _take_over(
    session: Session,
    proposal: SchemaVersion,
    operations: Sequence[Operation],
    taken: TakenSchema,
    basis: _Basis,
) -> None:
    """Make the proposal the current schema, in the caller's transaction, and drop what is older than is kept."""
    proposal.number = (basis.number or 0) + 1
    for operation in operations:
        _note(operation, taken.documents[operation.id])
    session.execute(
        delete(SchemaVersion).where(
            SchemaVersion.integration_id == proposal.integration_id,
            SchemaVersion.number <= proposal.number - rules.VERSIONS_MAX,
        )
    )
    integration = get_integration(proposal.team_id, proposal.integration_id)
    record(
        session,
        "integration.schema_saved",
        team_id=proposal.team_id,
        object_type="integration",
        object_id=integration.id,
        object_name=integration.name,
        detail=f"Version {proposal.number}: {proposal.breaking} breaking, {proposal.dangerous} dangerous,"
        f" {proposal.safe} safe changes; breaks {len(proposal.broken)} of {len(operations)} operations.",
    )


def _note(operation: Operation, found: CheckedDocument) -> None:
    """Note on an operation whether it fits; when that stays, it is not touched."""
    problems = list(found.problems)
    if operation.problems != problems:
        operation.problems = problems
    if not problems and operation.variables != list(found.variables):
        operation.variables = list(found.variables)


def _broken(operations: Sequence[Operation], taken: TakenSchema) -> list[dict[str, object]]:
    """Return the operations that fit the current schema and would not fit the new one."""
    return [
        {"id": one.id, "name": one.name, "problems": list(taken.documents[one.id].problems[:3])}
        for one in operations
        if not one.problems and taken.documents[one.id].problems
    ]


def _delete_proposal(session: Session, integration_id: str) -> None:
    found = select(SchemaVersion.id).where(
        SchemaVersion.integration_id == integration_id, SchemaVersion.number.is_(None)
    )
    session.execute(delete(SchemaVersion).where(SchemaVersion.id.in_(found)))
