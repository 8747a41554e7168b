"""One readable stream out of many: every line carries the name of the process that wrote it."""

import contextlib
import sys
from collections.abc import Sequence
from typing import TextIO

_COLOURS = (36, 35, 33, 34, 32, 96, 95)
_SUPERVISOR_COLOUR = 1
#: A line longer than this is passed on in pieces, so that a child cannot make us hold its output in memory.
LINE_MAX_BYTES = 16_384


class Output:
    """Writes lines to a stream, prefixed and, if `use_colour`, coloured."""

    def __init__(
        self, names: Sequence[str], *, stream: TextIO | None = None, use_colour: bool = False
    ) -> None:
        self._stream = stream or sys.stdout
        self._width = max(len(name) for name in (*names, "local"))
        self._colours = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(names)}
        self._use_colour = use_colour
        self.is_broken = False

    def line(self, name: str, text: str) -> None:
        """Write one line that `name` said."""
        prefix = f"{name.ljust(self._width)} │"
        if self._use_colour:
            prefix = f"\x1b[{self._colours.get(name, _SUPERVISOR_COLOUR)}m{prefix}\x1b[0m"
        self.plain(f"{prefix} {text}")

    def say(self, text: str) -> None:
        """Write one line of the supervisor itself."""
        self.line("local", text)

    def plain(self, text: str) -> None:
        """Write text without a prefix."""
        # A closed terminal or pipe must not keep us from stopping the children in good order.
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self.is_broken = True


def wants_colour(stream: TextIO, *, no_color: str) -> bool:
    """Return whether to colour: on a terminal, unless NO_COLOR (https://no-color.org) is set to anything."""
    with contextlib.suppress(ValueError):
        return not no_color and stream.isatty()
    return False


class LineBuffer:
    """Cuts a stream of bytes into lines of text."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines completed by `data`; what cannot be decoded is replaced."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > LINE_MAX_BYTES:
            lines.append(self._rest[:LINE_MAX_BYTES])
            self._rest = self._rest[LINE_MAX_BYTES:]
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]

    def finish(self) -> list[str]:
        """Return the last line if it lacked its end."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest else []
