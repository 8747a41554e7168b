"""Finds API keys in files: by their form and their checksum, so that what only looks like a key is not reported.

Reads files of any size and kind a piece at a time. What it returns holds the public part of a key, never the key.

`python -m app.api_keys.secret_scanner PATH…` needs Python alone: no configuration, no database, none of the libraries.
"""

import io
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.api_keys.tokens import LIVE_PREFIX, TEST_PREFIX, kid_of, masked

SKIPPED = frozenset({".git"})
STDIN = "-"
#: Exit statuses.
NONE, FOUND, WRONG_USE = 0, 1, 2
_PIECE_BYTES = 1 << 20
_KEY = r"sb_(?:live|test)_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"
_KEY_CHARS = 71
#: In UTF-16, as Windows writes it, zero bytes stand between the letters of a key.
_WIDE_BYTES = 2 * _KEY_CHARS - 1
_NARROW = re.compile(_KEY.encode())
_WIDE = re.compile(rb"s\x00b\x00_\x00(?:[0-9A-Za-z_]\x00){67}[0-9A-Za-z]")
_IN_NAMES = re.compile(_KEY, re.ASCII)
_BEGINNINGS = tuple(
    (form, prefix.encode(encoding))
    for form, encoding in ((_NARROW, "ascii"), (_WIDE, "utf-16-le"))
    for prefix in (LIVE_PREFIX, TEST_PREFIX)
)


@dataclass(frozen=True, slots=True)
class Leak:
    """A key that stands in a file: where, and its public part. Lines count from 1."""

    path: str
    line: int
    kid: str
    is_test: bool


#: Called with the path of what could not be read, and why.
OnUnreadable = Callable[[str, str], None]


def scan_paths(
    paths: Iterable[str], *, report: OnUnreadable, skipped: Collection[str] = SKIPPED
) -> Iterator[Leak]:
    """Yield every key in these files, in everything below these folders, and for `-` in standard input.

    Links are followed only where they are named in `paths`; of what is below folders, only regular files are read.
    Folders named in `skipped` are left out.
    """
    for path in paths:
        if path == STDIN:
            yield from scan_stream(sys.stdin.buffer, "<stdin>")
        elif os.path.isdir(path):
            for name in _files_below(path, report, skipped):
                yield from _scan_file(name, report)
        else:
            yield from _scan_file(path, report)


def scan_stream(stream: BinaryIO, path: str) -> Iterator[Leak]:
    """Yield every key in a stream, in the order of their ends; `path` is what the stream is called. Raises OSError."""
    window, line = b"", 1
    while piece := stream.read(_PIECE_BYTES):
        seen = len(window)
        window += piece
        for start, token in sorted(_tokens(window, seen)):
            kid = kid_of(token)
            if kid is not None:
                at = line + window.count(b"\n", 0, start)
                yield Leak(path, at, kid, token.startswith(TEST_PREFIX))
        # A key may go on in the next piece.
        kept = window[-_WIDE_BYTES + 1 :]
        line += window.count(b"\n", 0, len(window) - len(kept))
        window = kept


def in_words(leak: Leak) -> str:
    """Return the position of a key and its masked form."""
    return f"{printable(leak.path)}:{leak.line}: {masked(leak.kid, is_test=leak.is_test)}"


def printable(path: str) -> str:
    """Return a path as it can be shown: without control characters, and without a key that stands in it."""
    shown = _IN_NAMES.sub(
        lambda match: masked(match[0][8:20], is_test=match[0].startswith(TEST_PREFIX)), path
    )
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown)


def _tokens(window: bytes, seen: int) -> Iterator[tuple[int, str]]:
    """Yield what looks like a key and does not end within the first `seen` bytes, with where it begins."""
    for form, beginning in _BEGINNINGS:
        start = window.find(beginning)
        while start >= 0:
            match = form.match(window, start)
            if match and match.end() > seen:
                yield start, match[0].replace(b"\x00", b"").decode()
            start = window.find(beginning, start + 1)


def _scan_file(path: str, report: OnUnreadable) -> Iterator[Leak]:
    try:
        with open(path, "rb", buffering=0) as stream:
            yield from scan_stream(stream, path)
    except OSError as error:
        report(path, error.strerror or type(error).__name__)


def _files_below(folder: str, report: OnUnreadable, skipped: Collection[str]) -> Iterator[str]:
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        folders = []
        try:
            with os.scandir(path) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if entry.is_dir(follow_symlinks=False):
                        folders += [] if entry.name in skipped else [entry.path]
                    elif entry.is_file(follow_symlinks=False):
                        yield entry.path
        except OSError as error:
            report(path, error.strerror or type(error).__name__)
        waiting += reversed(folders)


def _report(path: str, why: str) -> None:
    sys.stderr.write(f"{printable(path)}: {why}\n")


def _main(paths: list[str]) -> int:
    if not paths or any(path.startswith("-") and path != STDIN for path in paths):
        sys.stderr.write("Usage: python -m app.api_keys.secret_scanner PATH…   (- is standard input)\n")
        return WRONG_USE
    missing = [path for path in paths if path != STDIN and not os.path.lexists(path)]
    if missing:
        sys.stderr.write(f"{printable(missing[0])} does not exist.\n")
        return WRONG_USE
    for stream in (sys.stdout, sys.stderr):
        # The terminal of a hook may be ASCII only.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status = NONE
    for leak in scan_paths(paths, report=_report):
        sys.stdout.write(in_words(leak) + "\n")
        status = FOUND
    return status


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
