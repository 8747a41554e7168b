"""Which fields of a route's schemas hold secrets: logs of refused requests must not show them.

A schema marks such a field: `key: Annotated[str, SECRET]`. The mark counts for everything below the field.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_Names = frozenset[str]


class _SecretMark:
    """Says in the API's description that the field is never returned (`writeOnly`)."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "writeOnly": True}


SECRET = _SecretMark()


@dataclass(frozen=True, slots=True)
class RequestSecrets:
    """What the schemas of one route mark. Names are in lower case.

    `body_fields` are the fields that the body knows; None: the route takes no body.
    """

    body: _Names = frozenset()
    query: _Names = frozenset()
    path: _Names = frozenset()
    body_fields: _Names | None = None

    @property
    def has_any(self) -> bool:
        """Whether any field is marked."""
        return bool(self.body or self.query or self.path)

    def is_secret_field(self, name: str) -> bool:
        """Return whether a field of this name is marked, wherever in the request it is."""
        folded = name.lower()
        return folded in self.body or folded in self.query or folded in self.path


@lru_cache(maxsize=1024)
def secrets_of(view: Callable[..., Any]) -> RequestSecrets:
    """Return the marked fields of a view of the API, by its parameters `body`, `query` and `path`."""
    hints = get_type_hints(inspect.unwrap(view), include_extras=True)
    models = {
        place: hint
        for place in ("body", "query", "path")
        if isinstance(hint := hints.get(place), type) and issubclass(hint, BaseModel)
    }
    body = models.get("body")
    return RequestSecrets(
        **{place: frozenset(_marked_names(model, set())) for place, model in models.items()},
        body_fields=None if body is None else frozenset(_all_names(body)),
    )


def is_marked(field: FieldInfo) -> bool:
    """Return whether a field of a schema is marked as secret."""
    return SECRET in field.metadata or SECRET in _parts_of(field.annotation)


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """Return the schemas that an annotation is made of."""
    for part in (annotation, *_parts_of(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part


def _marked_names(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        if is_marked(field):
            yield from _names_of(name, field)
        for inner in models_in(field.annotation):
            yield from _marked_names(inner, seen)


def _all_names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield from _names_of(name, field)


def _names_of(name: str, field: FieldInfo) -> Iterator[str]:
    aliases = (name, field.alias, field.validation_alias)
    return (alias.lower() for alias in aliases if isinstance(alias, str))


def _parts_of(annotation: object) -> list[object]:
    """Return what an annotation is made of, at any depth: `Annotated[str, SECRET] | None` has SECRET."""
    parts: list[object] = []
    waiting = list(get_args(annotation))
    while waiting:
        part = waiting.pop()
        parts.append(part)
        waiting += get_args(part)
    return parts
