"""Programs that run for one measurement: they read one JSON object from standard input and answer with others."""

import sys
from typing import Any

import orjson


def read_settings() -> dict[str, Any]:
    """Return what the benchmark wants of this program."""
    settings: dict[str, Any] = orjson.loads(sys.stdin.readline())
    return settings


def answer(**values: object) -> None:
    """Answer the benchmark with one object."""
    sys.stdout.write(orjson.dumps(values).decode() + "\n")
    sys.stdout.flush()
