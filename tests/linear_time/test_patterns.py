"""No regular expression of the application takes more than linear time."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from tests.linear_time.attacks import Attack, attacks_on, random_attacks_on
from tests.linear_time.discovery import Found, all_patterns
from tests.linear_time.growth import BODY_CAP, SIZES, Call, too_fast_growth
from tests.linear_time.lint import problems_of

PATTERNS = all_patterns()
#: Enough to see what is quadratic, and soon over.
PLANTED_SIZES = (512, 4_096, 16_384)
BAD = {
    r"(?:a+)+b": "fullmatch",
    r"(?:a|ab?|b)+c": "fullmatch",
    r"a*a*b": "fullmatch",
    r"a*xa*b": "search",
    r"\s*[:=]": "search",
    r"a++b": "search",
    r"(?<!b)a*c": "search",
    r"sb_[a-z_]+!": "search",
    r'"(?:\\.|[^"\\])*"': "findall",
    r"[\w.-]+\s*[:=]\s*\S+": "sub",
    r"(.*?)(?:\s*,\s*|$)": "match",
}
GOOD = {
    r"[a-z0-9_]++(?:\.[a-z0-9_]++)++": "fullmatch",
    r'"(?:[^"\\]++|\\.)*+"?+': "findall",
    r"[a-z]+": "search",
    r"<[^<>]+>": "sub",
    r"\A\s*a": "search",
    r"(?:a{1,20}b){1,9}": "fullmatch",
}


def ids(found: Found) -> str:
    return found.place


@pytest.mark.parametrize("found", PATTERNS, ids=ids)
def test_pattern_cannot_take_more_than_linear_time(found: Found) -> None:
    assert problems_of(found.pattern, found.methods) == []


@pytest.mark.parametrize("found", PATTERNS, ids=ids)
def test_time_of_a_pattern_grows_with_its_input_up_to_the_body_cap(found: Found) -> None:
    assert SIZES[-1] == BODY_CAP
    assert slow_attacks(found, attacks_on(found.pattern), SIZES) == {}


@pytest.mark.slow
@pytest.mark.parametrize("found", PATTERNS, ids=ids)
def test_time_of_a_pattern_grows_with_random_input(found: Found) -> None:
    assert slow_attacks(found, random_attacks_on(found.pattern, seed=20261121, count=300), SIZES) == {}


def test_all_patterns_are_found() -> None:
    places = {found.place.partition("[")[0] for found in PATTERNS}

    assert len(places) > 20
    assert {"app.lib.redact:_OWN_SECRETS", "app.request_log.body_redaction:_REST_OF_STRING"} <= places
    assert any(place.startswith("app.accounts.rules:") for place in places)


@pytest.mark.parametrize("pattern", BAD)
def test_bad_pattern_is_refused(pattern: str) -> None:
    assert problems_of(re.compile(pattern), frozenset({BAD[pattern]}))


@pytest.mark.parametrize("pattern", GOOD)
def test_good_pattern_is_accepted(pattern: str) -> None:
    assert problems_of(re.compile(pattern), frozenset({GOOD[pattern]})) == []


@pytest.mark.parametrize("pattern", [r"a*a*b", r'"(?:\\.|[^"\\])*"', r"[\w.-]+\s*[:=]\s*\S+", r"(?:a+)+b"])
def test_bad_pattern_is_found_by_its_time(pattern: str) -> None:
    planted = Found("planted", re.compile(pattern), frozenset({BAD[pattern]}))

    assert slow_attacks(planted, attacks_on(planted.pattern), PLANTED_SIZES)


def slow_attacks(found: Found, attacks: Mapping[str, Attack], sizes: tuple[int, ...]) -> dict[str, str]:
    """Return the first attack under which the time grows too fast, with how it grows."""
    for name, attack in attacks.items():
        for method in sorted(found.methods):
            if growth := too_fast_growth(partial(_call, found.pattern, method, attack), sizes):
                return {f"{method}: {name}": growth}
    return {}


def _call(pattern: re.Pattern[Any], method: str, attack: Attack, size: int) -> Call:
    text: Any = attack(size)
    if isinstance(pattern.pattern, bytes):
        text = text.encode("latin-1", "replace")
    return partial(_use, pattern, method, text)


def _use(pattern: re.Pattern[Any], method: str, text: Any) -> None:
    if method in ("sub", "subn"):
        getattr(pattern, method)(text[:0], text)
    elif method == "finditer":
        for _ in pattern.finditer(text):
            pass
    else:
        getattr(pattern, method)(text)
