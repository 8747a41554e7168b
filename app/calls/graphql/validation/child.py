"""The process that parses and validates GraphQL: one JSON request a line on stdin, one JSON answer a line on stdout.

A legal document can cost its validator minutes, and a schema hundreds of megabytes. So this runs apart from everything
else: without environment, files and database, at a low priority, with bounded memory, each step with so many seconds of
processor time. It stands alone and imports nothing of ours: it is started by its path.
"""

import hashlib
import json
import os
import resource
import select
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableDefinitionNode,
    build_client_schema,
    build_schema,
    is_wrapping_type,
    lexicographic_sort_schema,
    parse,
    print_ast,
    print_schema,
    type_from_ast,
    validate,
    validate_schema,
)
from graphql.execution import get_variable_values
from graphql.utilities import BreakingChange, DangerousChange, find_schema_changes

#: Without a request for so long it ends; who needs it starts another.
IDLE_S = 120
SCHEMAS_KEPT = 4
_NICENESS = 5
_KINDS = {"Int": "integer", "Float": "number", "Boolean": "boolean", "String": "text", "ID": "text"}
_NESTED = "It is nested too deeply."

Request = dict[str, Any]
Answer = dict[str, Any]


class OutOfTime(BaseException):
    """A step used up its processor time. No `Exception`: no library must catch it."""


class Refused(Exception):
    """What was sent cannot be taken, in words for people."""


_schemas: OrderedDict[str, GraphQLSchema] = OrderedDict()


def take_schema(request: Request) -> Answer:
    """Return the canonical form of a schema, how it differs from the one before, and what it does to documents."""
    limits = request["limits"]
    with _processor_time(limits["schema_cpu_s"]):
        schema, sdl = _canonical(request, limits)
        digest = hashlib.sha256(sdl.encode()).hexdigest()
        _keep(digest, schema)
        before = _schema(request["before"]) if request.get("before") else None
        changes = _changes(before, schema, limits["changes_max"]) if before else {}
    return {
        "sdl": sdl,
        "hash": digest,
        "types": len(schema.type_map),
        "queries": len(schema.query_type.fields) if schema.query_type else 0,
        "mutations": len(schema.mutation_type.fields) if schema.mutation_type else 0,
        "changes": changes,
        "documents": {
            key: _checked_in_time(schema, text, limits) for key, text in request.get("documents", {}).items()
        },
    }


def check_document(request: Request) -> Answer:
    """Return what is wrong with a document under a schema, and what it is and takes when nothing is."""
    limits = request["limits"]
    with _processor_time(limits["schema_cpu_s"]):
        schema = _schema(request["schema"])
    with _processor_time(limits["document_cpu_s"]):
        return _checked(schema, request["document"], limits)


def check_variables(request: Request) -> Answer:
    """Return what is wrong with the variables of a document that was checked before, by variable."""
    limits, values = request["limits"], request["values"]
    with _processor_time(limits["schema_cpu_s"]):
        schema = _schema(request["schema"])
    with _processor_time(limits["document_cpu_s"]):
        operation = _operation(_parsed(request["document"], limits))
        known = {definition.variable.name.value for definition in operation.variable_definitions or ()}
        problems = [
            {"variable": name[:100], "message": "The operation takes no such variable."}
            for name in values
            if name not in known
        ]
        found = get_variable_values(
            schema,
            operation.variable_definitions or (),
            {name: value for name, value in values.items() if name in known},
            max_errors=limits["errors_max"],
        )
        if isinstance(found, list):
            problems += [{"variable": _variable_of(error), "message": error.message} for error in found]
    return {"problems": problems[: limits["errors_max"]]}


def _canonical(request: Request, limits: dict[str, Any]) -> tuple[GraphQLSchema, str]:
    """Return a schema in its canonical form, sorted, and its text: the same schema has the same text."""
    if "introspection" in request:
        schema = _introspected(request["introspection"])
    else:
        schema = build_schema(
            request["sdl"], max_tokens=limits["sdl_tokens_max"], max_source_length=limits["sdl_max_bytes"]
        )
    if len(schema.type_map) > limits["types_max"]:
        raise Refused(f"It has {len(schema.type_map)} types; at most {limits['types_max']} are taken.")
    faults = validate_schema(schema)
    if faults:
        raise Refused("It is no valid schema: " + " ".join(fault.message for fault in faults[:3]))
    sdl = print_schema(lexicographic_sort_schema(schema))
    if len(sdl.encode()) > limits["sdl_max_bytes"]:
        raise Refused(f"It is larger than {limits['sdl_max_bytes']} bytes.")
    # What is compared and validated from now on is what is stored.
    return build_schema(sdl), sdl


def _introspected(text: str) -> GraphQLSchema:
    try:
        answer = json.loads(text)
    except ValueError:
        raise Refused("The server did not answer with JSON.") from None
    found = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("__schema"), dict):
        errors = answer.get("errors") if isinstance(answer, dict) else None
        first = errors[0] if isinstance(errors, list) and errors else None
        words = first.get("message") if isinstance(first, dict) else None
        if isinstance(words, str):
            raise Refused(f"The server does not show its schema: {words[:300]}")
        raise Refused("The server's answer holds no schema.")
    return build_client_schema(found)  # type: ignore[arg-type]


def _changes(before: GraphQLSchema, after: GraphQLSchema, changes_max: int) -> Answer:
    found: dict[str, list[dict[str, str]]] = {"breaking": [], "dangerous": [], "safe": []}
    for change in find_schema_changes(before, after):
        if isinstance(change, BreakingChange):
            severity = "breaking"
        elif isinstance(change, DangerousChange):
            severity = "dangerous"
        else:
            severity = "safe"
        found[severity].append({"type": change.type.name, "description": change.description[:500]})
    return {
        severity: {"count": len(changes), "first": changes[:changes_max]}
        for severity, changes in found.items()
    }


def _checked_in_time(schema: GraphQLSchema, text: str, limits: dict[str, Any]) -> Answer:
    """Return what is wrong with one of many documents; one that is too costly does not end the others' checks."""
    try:
        with _processor_time(limits["document_cpu_s"]):
            return _checked(schema, text, limits)
    except OutOfTime:
        return {"problems": ["It takes too long to validate."]}


def _checked(schema: GraphQLSchema, text: str, limits: dict[str, Any]) -> Answer:
    try:
        document = _parsed(text, limits)
        operation = _operation(document)
        if len(operation.variable_definitions or ()) > limits["variables_max"]:
            return {"problems": [f"It takes more than {limits['variables_max']} variables."]}
        errors = validate(schema, document, max_errors=limits["errors_max"])
    except GraphQLError as error:
        return {"problems": [_words(error)]}
    except Refused as refusal:
        return {"problems": [str(refusal)]}
    except RecursionError:
        return {"problems": [_NESTED]}
    if errors:
        return {"problems": [_words(error) for error in errors[: limits["errors_max"]]]}
    return {
        "problems": [],
        "name": operation.name.value if operation.name else "",
        "kind": operation.operation.value,
        "variables": [_described(schema, definition) for definition in operation.variable_definitions or ()],
    }


def _parsed(text: str, limits: dict[str, Any]) -> DocumentNode:
    return parse(
        text, max_tokens=limits["document_tokens_max"], max_source_length=limits["document_max_chars"]
    )


def _operation(document: DocumentNode) -> OperationDefinitionNode:
    """Return the document's one operation. Raises Refused where it holds anything else than that and its fragments."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    fragments = [one for one in document.definitions if isinstance(one, FragmentDefinitionNode)]
    if len(operations) + len(fragments) < len(document.definitions):
        raise Refused("Write an operation and its fragments. Definitions of types belong to the schema.")
    if len(operations) != 1:
        raise Refused(f"Write exactly one operation; here are {len(operations)}.")
    operation = operations[0]
    if operation.operation.value == "subscription":
        raise Refused("Subscriptions are not possible here: write a query or a mutation.")
    if operation.name is None:
        raise Refused(f"Give the operation a name, such as: {operation.operation.value} Orders {{ … }}")
    return operation


def _described(schema: GraphQLSchema, definition: VariableDefinitionNode) -> Answer:
    """Return what a form needs to ask for a variable."""
    given = type_from_ast(schema, definition.type)
    inner: Any = given.of_type if isinstance(given, GraphQLNonNull) else given
    kind, choices = "json", []
    if isinstance(inner, GraphQLEnumType):
        kind, choices = "choice", list(inner.values)[:500]
    elif isinstance(inner, GraphQLScalarType):
        kind = _KINDS.get(inner.name, "scalar")
    named = inner
    while is_wrapping_type(named):
        named = named.of_type
    fields = named.fields if isinstance(named, GraphQLInputObjectType) else {}
    return {
        "name": definition.variable.name.value,
        "type": print_ast(definition.type),
        "kind": kind,
        "choices": choices,
        "is_required": isinstance(given, GraphQLNonNull) and definition.default_value is None,
        "default": print_ast(definition.default_value)[:500] if definition.default_value else "",
        "fields": [f"{name}: {field.type}" for name, field in fields.items()][:50],
    }


def _schema(stored: dict[str, str]) -> GraphQLSchema:
    found = _schemas.get(stored["hash"])
    if found is None:
        # Stored by us: it was validated when it was taken.
        found = build_schema(stored["sdl"], assume_valid=True, assume_valid_sdl=True, no_location=True)
    _keep(stored["hash"], found)
    return found


def _keep(digest: str, schema: GraphQLSchema) -> None:
    _schemas[digest] = schema
    _schemas.move_to_end(digest)
    while len(_schemas) > SCHEMAS_KEPT:
        _schemas.popitem(last=False)


def _words(error: GraphQLError) -> str:
    place = f"Line {error.locations[0].line}: " if error.locations else ""
    return (place + error.message)[:500]


def _variable_of(error: GraphQLError) -> str:
    for node in error.nodes or ():
        if isinstance(node, VariableDefinitionNode):
            return node.variable.name.value
    return ""


@contextmanager
def _processor_time(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block once it has used so much processor time: a busy machine does not shorten it."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _end_step(_signal: int, _frame: object) -> None:
    raise OutOfTime


_ACTS: dict[str, Callable[[Request], Answer]] = {
    "take_schema": take_schema,
    "check_document": check_document,
    "check_variables": check_variables,
}


def _answer(line: bytes) -> Answer:
    request = json.loads(line)
    try:
        return _ACTS[request["act"]](request)
    except OutOfTime:
        return {"failure": "too_costly"}
    except MemoryError:
        return {"failure": "too_large"}
    except Refused as refusal:
        return {"failure": "refused", "words": str(refusal)}
    except GraphQLError as error:
        return {"failure": "refused", "words": _words(error)}
    except RecursionError:
        return {"failure": "refused", "words": _NESTED}
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        # A foreign introspection result can be wrong in every place.
        return {"failure": "refused", "words": f"It cannot be read: {str(error)[:300]}"}


def main(memory_bytes: int) -> None:
    """Serve until stdin ends, or nothing came for a while, or a step had to be ended."""
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _end_step)
    # Ctrl-C is meant for the server, which closes stdin when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while select.select([requests], [], [], IDLE_S)[0]:
        line = requests.readline()
        if not line:
            return
        answer = _answer(line)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
        if answer.get("failure") in {"too_costly", "too_large"}:
            # It was stopped anywhere: nothing of this process is relied on any more.
            return


if __name__ == "__main__":
    main(int(sys.argv[1]))
