"""Finds every regular expression of the application, and how it is used."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import app as application

_METHODS = {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
AnyPattern = re.Pattern[str] | re.Pattern[bytes]


@dataclass(frozen=True)
class Found:
    """A pattern, where it is, and the methods that are called on it; `search` where that cannot be read off."""

    place: str
    pattern: AnyPattern
    methods: frozenset[str]


def all_patterns() -> list[Found]:
    """Return every pattern of the application. Raises AssertionError for one that cannot be read off the source."""
    found: list[Found] = []
    for module in pkgutil.walk_packages(application.__path__, "app."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        source = Path(str(loaded.__file__)).read_text()
        if "re." not in source:
            continue
        tree = ast.parse(source)
        uses = _uses_by_name(tree)
        for name, value in vars(loaded).items():
            for number, pattern in enumerate(_patterns_in(value)):
                methods = frozenset(uses.get(name, {"search"}))
                found.append(Found(f"{module.name}:{name}[{number}]", pattern, methods))
        found += _inline(tree, module.name)
    return list({(one.pattern, one.methods): one for one in found}.values())


def _patterns_in(value: object, depth: int = 0) -> Iterator[AnyPattern]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict) and depth < 3:
        for item in value.values():
            yield from _patterns_in(item, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth < 3:
        for item in value:
            yield from _patterns_in(item, depth + 1)


def _uses_by_name(tree: ast.Module) -> dict[str, set[str]]:
    uses: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _METHODS and isinstance(node.value, ast.Name):
            uses.setdefault(node.value.id, set()).add(node.attr)
    return uses


def _inline(tree: ast.Module, module: str) -> Iterator[Found]:
    """Yield the patterns of `re.sub(…)` and the like, and of `re.compile(…)` within functions."""
    in_functions = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        method = _method_of_re(node)
        if method is None or (method == "compile" and node not in in_functions):
            continue
        assert isinstance(node, ast.Call)
        place = f"{module}:{node.lineno}"
        written = node.args[0]
        assert isinstance(written, ast.Constant), f"{place}: make the pattern a constant of the module"
        pattern: Any = re.compile(written.value)
        yield Found(place, pattern, frozenset({"search" if method == "compile" else method}))


def _method_of_re(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    owner, method = node.func.value, node.func.attr
    is_re = isinstance(owner, ast.Name) and owner.id == "re"
    return method if is_re and method in {*_METHODS, "compile"} else None
