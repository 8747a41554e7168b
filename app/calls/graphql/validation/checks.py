"""What the services ask of the validator: is this schema, this document, are these variables valid, and what changes."""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from app.calls.graphql import rules
from app.calls.graphql.rules import Severity
from app.calls.graphql.validation.pool import POOL, CheckEnded
from app.lib.errors import Invalid

T = TypeVar("T")

#: Processor time of one step, and when the process is killed whatever it did with its time.
SCHEMA_CPU_S, DOCUMENT_CPU_S = 15.0, 2.0
SCHEMA_DEADLINE_S, DOCUMENT_DEADLINE_S = 60.0, 30.0
_RESULTS_KEPT = 500
_LIMITS = {
    "schema_cpu_s": SCHEMA_CPU_S,
    "document_cpu_s": DOCUMENT_CPU_S,
    "sdl_max_bytes": rules.SDL_MAX_BYTES,
    "sdl_tokens_max": rules.SDL_TOKENS_MAX,
    "types_max": rules.TYPES_MAX,
    "changes_max": rules.CHANGES_MAX,
    "document_max_chars": rules.DOCUMENT_MAX_CHARS,
    "document_tokens_max": rules.DOCUMENT_TOKENS_MAX,
    "variables_max": rules.VARIABLES_MAX,
    "errors_max": rules.ERRORS_MAX,
}


@dataclass(frozen=True, slots=True)
class StoredSchema:
    """A schema as it is stored: its canonical SDL and the SHA-256 of that."""

    hash: str
    sdl: str = field(repr=False)

    def as_json(self) -> dict[str, str]:
        """Return it as the validator takes it."""
        return {"hash": self.hash, "sdl": self.sdl}


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """What a document is under a schema. `problems` are words for people; without any it is valid."""

    problems: tuple[str, ...]
    name: str = ""
    #: query or mutation.
    kind: str = ""
    #: What a form needs to ask for each variable.
    variables: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class TakenSchema:
    """A schema that was read: its canonical form, its size, what changed, and what it does to documents."""

    schema: StoredSchema
    types: int
    queries: int
    mutations: int
    #: Per severity: how many changes, and the first of them.
    changes: dict[str, Any]
    documents: dict[str, CheckedDocument]

    def count(self, severity: Severity) -> int:
        """Return how many changes of this severity there are."""
        return int(self.changes.get(severity, {}).get("count", 0))


class VariableErrors(Exception):
    """Variables that an operation does not take: (variable, words) each."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__(f"{len(errors)} variables are wrong")
        self.errors = errors


def take_schema(
    team_id: str,
    *,
    sdl: str | None = None,
    introspection: str | None = None,
    before: StoredSchema | None = None,
    documents: Mapping[str, str] | None = None,
) -> TakenSchema:
    """Read a schema from SDL or from an answer to the introspection query; `documents` are checked under it, by id.

    Raises Invalid for one that is not valid, too large or too costly, and Unavailable when too many checks are running.
    """
    source = {"introspection": introspection} if introspection is not None else {"sdl": sdl}
    request: dict[str, Any] = {"act": "take_schema", "documents": dict(documents or {}), **source}
    if before is not None:
        request["before"] = before.as_json()
    answer = _ask(request, team_id, field_name="sdl", deadline_s=SCHEMA_DEADLINE_S)
    return TakenSchema(
        StoredSchema(answer["hash"], answer["sdl"]),
        answer["types"],
        answer["queries"],
        answer["mutations"],
        answer["changes"],
        {key: _document(found) for key, found in answer["documents"].items()},
    )


def check_document(team_id: str, schema: StoredSchema, text: str) -> CheckedDocument:
    """Return what a document is under a schema. Raises Invalid for one that is too costly to validate, and Unavailable."""
    key = (schema.hash, _hash(text))
    known = _results.get(key)
    if known is None:
        request = {"act": "check_document", "schema": schema.as_json(), "document": text}
        known = _document(_ask(request, team_id, field_name="document", deadline_s=DOCUMENT_DEADLINE_S))
        _results.put(key, known)
    return known


def check_variables(team_id: str, schema: StoredSchema, document: str, values: Mapping[str, Any]) -> None:
    """Raise VariableErrors unless the operation takes these variables under the schema; Invalid, Unavailable too."""
    key = (schema.hash, _hash(document), _hash(json.dumps(values)))
    if _valid_variables.get(key):
        return
    request = {
        "act": "check_variables",
        "schema": schema.as_json(),
        "document": document,
        "values": dict(values),
    }
    answer = _ask(request, team_id, field_name="variables", deadline_s=DOCUMENT_DEADLINE_S)
    if answer["problems"]:
        raise VariableErrors([(one["variable"], one["message"]) for one in answer["problems"]])
    _valid_variables.put(key, True)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class _Results(Generic[T]):
    """The latest results of checks, by the hashes of what was checked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[str, ...], T] = OrderedDict()

    def get(self, key: tuple[str, ...]) -> T | None:
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def put(self, key: tuple[str, ...], result: T) -> None:
        with self._lock:
            self._found[key] = result
            while len(self._found) > _RESULTS_KEPT:
                self._found.popitem(last=False)


_results = _Results[CheckedDocument]()
_valid_variables = _Results[bool]()


def _ask(request: dict[str, Any], team_id: str, *, field_name: str, deadline_s: float) -> dict[str, Any]:
    try:
        answer = POOL.ask({**request, "limits": _LIMITS}, owner=team_id, deadline_s=deadline_s)
    except CheckEnded:
        answer = {"failure": "too_costly"}
    match answer.get("failure"):
        case None:
            return answer
        case "refused":
            raise Invalid.field(field_name, str(answer["words"]))
        case "too_large":
            raise Invalid.field(field_name, "It needs too much memory to validate.")
        case _:
            raise Invalid.field(
                field_name,
                "It takes too long to validate. Ask for fewer fields, or split it into several."
                if field_name == "document"
                else "It takes too long to validate.",
            )


def _document(answer: dict[str, Any]) -> CheckedDocument:
    return CheckedDocument(
        tuple(answer["problems"]),
        answer.get("name", ""),
        answer.get("kind", ""),
        tuple(answer.get("variables", ())),
    )
