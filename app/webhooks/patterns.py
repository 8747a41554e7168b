"""Which event types a webhook may ask for."""

import re
from collections.abc import Collection, Sequence

from app.lib.errors import FieldError, Invalid
from app.webhooks.rules import wants

PATTERNS_MAX = 100
_PATTERN = re.compile(r"\*|[a-z0-9_]++(?:\.[a-z0-9_]++)*+(?:\.\*)?")
_FIELD = "event_types"


def checked(
    given: Sequence[str], *, known_names: Collection[str], already: Collection[str] = ()
) -> list[str]:
    """Return the patterns in their order, each once. Every one must cover a known type, or be there already.

    A pattern stays valid on the webhook that has it when its last type is deleted: editing another setting must not
    fail for it. Raises Invalid, listing everything that is wrong.
    """
    patterns = list(dict.fromkeys(pattern.strip() for pattern in given))
    if not patterns:
        raise Invalid.field(_FIELD, "Choose at least one event type, or * for all of them.")
    if len(patterns) > PATTERNS_MAX:
        raise Invalid.field(
            _FIELD, f"Choose at most {PATTERNS_MAX} patterns; a group such as post.* covers many."
        )
    problems = [
        problem for pattern in patterns if (problem := _problem_of(pattern, known_names, already)) is not None
    ]
    if problems:
        raise Invalid(
            " ".join(problems[:5]), errors=[FieldError(_FIELD, problem) for problem in problems[:5]]
        )
    return patterns


def groups_of(names: Collection[str]) -> list[str]:
    """Return the wildcards that cover more than one of the names: `*`, then `post.*` and the like, sorted."""
    prefixes = [name.partition(".")[0] for name in names]
    return ["*", *sorted({f"{prefix}.*" for prefix in prefixes if prefixes.count(prefix) > 1})]


def _problem_of(pattern: str, known_names: Collection[str], already: Collection[str]) -> str | None:
    shown = pattern[:100]
    if len(pattern) > 100 or _PATTERN.fullmatch(pattern) is None:
        return f"{shown!r} is neither a type such as post.published, nor a group such as post.*, nor *."
    if pattern in already or any(wants([pattern], name) for name in known_names):
        return None
    if pattern.endswith("*"):
        return f"No event type begins with {shown[:-1]}"
    return f"There is no event type {shown}. Add it under Event types first."
