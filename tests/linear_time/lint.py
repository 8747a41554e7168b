"""Refuses patterns whose time can grow faster than their input. In doubt it refuses: a possessive `++` answers most."""

import re
from collections.abc import Iterator, Sequence
from re import _constants as ops
from typing import Any

from tests.linear_time.trees import (
    REPEATS,
    Node,
    body_of,
    branches,
    can_backtrack,
    consumed_chars,
    first_chars,
    is_nullable,
    is_unbounded,
    parsed,
    unbounded_in,
)

#: These try a match at every character of the text.
SEARCHING = {"search", "sub", "subn", "split", "findall", "finditer"}


def problems_of(pattern: re.Pattern[Any], methods: frozenset[str]) -> list[str]:
    """Return what is wrong with a pattern that these methods are called on."""
    nodes = parsed(pattern)
    problems = [*_nested(nodes), *_adjacent(nodes, [])]
    if methods & SEARCHING:
        problems += _unanchored(nodes)
    return sorted(set(problems))


def _nested(nodes: Sequence[Node]) -> Iterator[str]:
    """A repeat of what repeats: the same text can be shared out in many ways."""
    for outer in unbounded_in(nodes):
        body = body_of(outer)
        if is_nullable(body):
            yield "a repeat of what can be empty"
        if any(can_backtrack(inner) for inner in unbounded_in(body)):
            yield "nested quantifiers: make the inner one possessive"
        if can_backtrack(outer) and _has_ambiguous_branch(body):
            yield "a repeated alternative whose branches begin with the same character"


def _has_ambiguous_branch(nodes: Sequence[Node]) -> bool:
    for node in nodes:
        if node[0] is ops.BRANCH:
            seen: frozenset[str] = frozenset()
            for branch in branches(node):
                if first_chars(branch) & seen:
                    return True
                seen |= first_chars(branch)
        elif node[0] in REPEATS and _has_ambiguous_branch(body_of(node)):
            return True
    return False


def _adjacent(nodes: Sequence[Node], after: Sequence[Node]) -> Iterator[str]:
    """Two repeats one after the other that take the same characters: the border between them can be anywhere."""
    for index, node in enumerate(nodes):
        rest = [*nodes[index + 1 :], *after]
        if node[0] is ops.BRANCH:
            for branch in branches(node):
                yield from _adjacent(branch, rest)
        elif node[0] in REPEATS:
            yield from _adjacent(body_of(node), rest)
            if is_unbounded(node) and can_backtrack(node) and _meets_its_like(node, rest):
                yield "overlapping adjacent quantifiers: make the first one possessive"


def _meets_its_like(repeat: Node, rest: Sequence[Node]) -> bool:
    taken = consumed_chars([repeat])
    for node in rest:
        if any(consumed_chars([other]) & taken for other in unbounded_in([node])):
            return True
        if not is_nullable([node]) and not first_chars([node]) & taken:
            return False
    return False


def _unanchored(nodes: Sequence[Node]) -> Iterator[str]:
    """A repeat that can fail after it took much, begun anew within what it took."""
    if nodes and nodes[0][0] is ops.AT and nodes[0][1] in (ops.AT_BEGINNING, ops.AT_BEGINNING_STRING):
        return
    alternatives = branches(nodes[0]) if len(nodes) == 1 and nodes[0][0] is ops.BRANCH else [nodes]
    failing = [one for one in alternatives if any(_failing_repeats(one, []))]
    starts = frozenset().union(*(first_chars(one) for one in failing))
    for one in failing:
        for repeat in _failing_repeats(one, []):
            if consumed_chars([repeat]) & starts:
                yield "an unanchored search takes text that it can begin in again, and can then fail"


def _failing_repeats(nodes: Sequence[Node], after: Sequence[Node]) -> Iterator[Node]:
    """Return the unbounded repeats behind which a match can still fail."""
    for index, node in enumerate(nodes):
        rest = [*nodes[index + 1 :], *after]
        if node[0] is ops.BRANCH:
            for branch in branches(node):
                yield from _failing_repeats(branch, rest)
        elif node[0] in REPEATS or node[0] is ops.ATOMIC_GROUP:
            if is_unbounded(node) and not is_nullable(rest):
                yield node
            yield from _failing_repeats(body_of(node), rest)
