"""Reads the parsed form of a pattern: which characters its parts can begin with, consume, and leave out."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from re import _constants as ops
from re import _parser as parser
from typing import Any

#: A repeat up to so many times counts as bounded.
BOUNDED_MAX = 256
Node = tuple[Any, Any]
Chars = frozenset[str]

# Characters of every kind that classes tell apart; a pattern's own are added by ranges that lie among these.
ALPHABET: Chars = frozenset(map(chr, range(256))) | frozenset(
    "\u0130\u0131\u017f\u0301\u0663\u1680\u2003\u2028\u202e\u20ac\u3000\u4e00\ufeff\uff1d\ufffd\U0001f600"
)
REPEATS = {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}


def parsed(pattern: re.Pattern[Any]) -> list[Node]:
    """Return the pattern as a list of nodes, groups dissolved."""
    return flat(parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG))


def flat(nodes: Iterable[Node]) -> list[Node]:
    """Return the nodes with the content of groups in their place."""
    result: list[Node] = []
    for node in nodes:
        result += flat(node[1][3]) if node[0] is ops.SUBPATTERN else [node]
    return result


def body_of(node: Node) -> list[Node]:
    """Return what a repeat repeats, or an atomic group or an assertion holds."""
    op, value = node
    if op in REPEATS:
        return flat(value[2])
    if op is ops.ATOMIC_GROUP:
        return flat(value)
    return flat(value[1])


def branches(node: Node) -> list[list[Node]]:
    """Return the alternatives of a branch."""
    return [flat(one) for one in node[1][1]]


def is_unbounded(node: Node) -> bool:
    """Return whether a node repeats without a bound that matters."""
    return node[0] in REPEATS and node[1][1] > BOUNDED_MAX


def can_backtrack(node: Node) -> bool:
    """Return whether a repeat gives back what it took."""
    return node[0] in REPEATS and node[0] is not ops.POSSESSIVE_REPEAT


def is_nullable(nodes: Sequence[Node]) -> bool:
    """Return whether these nodes match without a character: they cannot fail."""
    return all(_is_nullable(node) for node in nodes)


def first_chars(nodes: Sequence[Node]) -> Chars:
    """Return the characters that a match of these nodes can begin with."""
    found: Chars = frozenset()
    for node in nodes:
        found |= _first(node)
        takes_nothing = node[0] in (ops.AT, ops.ASSERT, ops.ASSERT_NOT)
        if not takes_nothing and not _is_nullable(node):
            break
    return found


def consumed_chars(nodes: Sequence[Node]) -> Chars:
    """Return every character that these nodes can consume."""
    found: Chars = frozenset()
    for node in nodes:
        if node[0] is ops.BRANCH:
            found = found.union(*map(consumed_chars, branches(node)))
        elif node[0] in REPEATS or node[0] is ops.ATOMIC_GROUP:
            found |= consumed_chars(body_of(node))
        else:
            found |= _single(node)
    return found


def unbounded_in(nodes: Sequence[Node]) -> Iterator[Node]:
    """Return every unbounded repeat in these nodes, the outer ones first."""
    for node in nodes:
        if is_unbounded(node):
            yield node
        if node[0] is ops.BRANCH:
            for branch in branches(node):
                yield from unbounded_in(branch)
        elif node[0] in REPEATS or node[0] in (ops.ATOMIC_GROUP, ops.ASSERT, ops.ASSERT_NOT):
            yield from unbounded_in(body_of(node))


def sample(nodes: Sequence[Node], *, prefer: Chars = frozenset()) -> str:
    """Return a text that these nodes match, made of preferred characters where they fit."""
    parts = []
    for node in nodes:
        if node[0] is ops.BRANCH:
            parts.append(sample(branches(node)[0], prefer=prefer))
        elif node[0] in REPEATS:
            parts.append(sample(body_of(node), prefer=prefer) * max(1, min(node[1][0], BOUNDED_MAX)))
        elif node[0] is ops.ATOMIC_GROUP:
            parts.append(sample(body_of(node), prefer=prefer))
        else:
            chars = _single(node)
            parts.append(min(chars & prefer or chars & _PLAIN or chars, default=""))
    return "".join(parts)


_PLAIN: Chars = frozenset("abcdefgh0")


def _is_nullable(node: Node) -> bool:
    op, value = node
    if op is ops.BRANCH:
        return any(map(is_nullable, branches(node)))
    if op in REPEATS:
        return value[0] == 0 or is_nullable(body_of(node))
    if op is ops.ATOMIC_GROUP:
        return is_nullable(body_of(node))
    # An anchor or an assertion takes no character, but it can fail.
    return False


def _first(node: Node) -> Chars:
    if node[0] is ops.BRANCH:
        return frozenset().union(*map(first_chars, branches(node)))
    if node[0] in REPEATS or node[0] is ops.ATOMIC_GROUP:
        return first_chars(body_of(node))
    return _single(node)


def _single(node: Node) -> Chars:
    op, value = node
    if op is ops.LITERAL:
        return frozenset(chr(value))
    if op is ops.NOT_LITERAL:
        return ALPHABET - {chr(value)}
    if op is ops.ANY:
        return ALPHABET
    if op is ops.IN:
        return _class(tuple(value))
    assert op in (ops.AT, ops.ASSERT, ops.ASSERT_NOT), f"the linter does not know {op}"
    return frozenset()


@cache
def _class(items: tuple[Node, ...]) -> Chars:
    is_negated = items[0][0] is ops.NEGATE
    found: set[str] = set()
    for op, value in items:
        if op is ops.LITERAL:
            found.add(chr(value))
        elif op is ops.RANGE:
            found |= {char for char in ALPHABET if value[0] <= ord(char) <= value[1]} | {chr(value[0])}
        elif op is ops.CATEGORY:
            found |= {char for char in ALPHABET if _CATEGORIES[str(value)](char)}
    return ALPHABET - found if is_negated else frozenset(found)


def _category(written: str) -> Any:
    return re.compile(written).fullmatch


_CATEGORIES = {
    f"CATEGORY_{name}": _category(written)
    for name, written in (
        ("DIGIT", r"\d"),
        ("NOT_DIGIT", r"\D"),
        ("SPACE", r"\s"),
        ("NOT_SPACE", r"\S"),
        ("WORD", r"\w"),
        ("NOT_WORD", r"\W"),
    )
}
