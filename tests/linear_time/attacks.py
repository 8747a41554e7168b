"""Makes texts that bring a pattern to do as much as it can before it fails."""

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from re import _constants as ops
from typing import Any

from tests.linear_time.trees import (
    ALPHABET,
    REPEATS,
    Node,
    body_of,
    branches,
    consumed_chars,
    first_chars,
    is_unbounded,
    parsed,
    sample,
)

#: Returns an attack of about so many characters.
Attack = Callable[[int], str]
_SUFFIXES = ("", "\x00", "!", "\n")
#: What attacks on parsers are made of: openings without an end, separators, escapes.
UNITS = (
    *(
        "a",
        " ",
        "\t",
        "\n",
        "\r\n",
        "0",
        "\\",
        '"',
        '\\"',
        "'",
        "=",
        ":",
        ",",
        ";",
        "&",
        "?",
        "#",
        "%",
        "%61",
        "/",
    ),
    *(
        "[",
        "{",
        '["',
        '{"',
        '{"a":',
        '"a":"',
        "a=",
        "a:",
        "a=b&",
        "token=",
        "sb_live_",
        "whsec_",
        "é",
        "\u0301",
    ),
)


def attacks_on(pattern: re.Pattern[Any]) -> dict[str, Attack]:
    """Return attacks on a pattern by a description of each."""
    nodes = parsed(pattern)
    whole = sample(nodes)
    found = {
        f"{unit!r} repeated": _repeated("", unit, "")
        for unit in {whole, whole[:-1], *map(str, "a \\")}
        if unit
    }
    for before, repeat in _paths(nodes, ""):
        for pump in _pumps(repeat, nodes):
            outside = min(ALPHABET - consumed_chars([repeat]), default="")
            for suffix in dict.fromkeys((*_SUFFIXES, outside)):
                found[f"{before!r} + {pump!r}… + {suffix!r}"] = _repeated(before, pump, suffix)
            if before:
                found[f"{before + pump!r}…"] = _repeated("", before + pump, "")
    return found


def random_attacks_on(pattern: re.Pattern[Any], *, seed: int, count: int) -> dict[str, Attack]:
    """Return attacks made of what the pattern consists of and of the usual units, put together at random."""
    random = Random(seed)
    nodes = parsed(pattern)
    own = [sample(nodes), *(pump for _, repeat in _paths(nodes, "") for pump in _pumps(repeat, nodes))]
    units = [
        *filter(None, own),
        *UNITS,
        *sorted(consumed_chars(nodes))[:: max(1, len(consumed_chars(nodes)) // 20)],
    ]
    found: dict[str, Attack] = {}
    for _ in range(count):
        before, unit, suffix = ("".join(random.choices(units, k=random.randint(1, 3))) for _ in range(3))
        found[f"{before!r} + {unit!r}… + {suffix!r}"] = _repeated(before, unit, suffix)
    return found


def attacks_on_parsers(*units: str) -> dict[str, Attack]:
    """Return attacks on something that is no pattern, made of the usual units and of its own."""
    found: dict[str, Attack] = {}
    for unit in (*UNITS, *units):
        for before in ("", "a", '{"a":"'):
            for suffix in ("", "!", '"}'):
                found[f"{before!r} + {unit!r}… + {suffix!r}"] = _repeated(before, unit, suffix)
    return found


def _repeated(before: str, unit: str, suffix: str) -> Attack:
    return lambda size: before + unit * (size // len(unit)) + suffix


def _paths(nodes: Sequence[Node], before: str) -> Iterator[tuple[str, Node]]:
    """Return each unbounded repeat with a text that leads to it."""
    for node in nodes:
        if is_unbounded(node):
            yield before, node
        if node[0] in REPEATS or node[0] is ops.ATOMIC_GROUP:
            yield from _paths(body_of(node), before)
        elif node[0] is ops.BRANCH:
            for branch in branches(node):
                yield from _paths(branch, before)
        before += sample([node])


def _pumps(repeat: Node, nodes: Sequence[Node]) -> list[str]:
    body = body_of(repeat)
    options = [sample(branch) for node in body if node[0] is ops.BRANCH for branch in branches(node)]
    # What the whole pattern can begin with again, and what can follow, is the worst to be repeated.
    starts = sample(body, prefer=first_chars(nodes))
    return list(dict.fromkeys(filter(None, [sample(body), starts, *options])))
