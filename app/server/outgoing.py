"""The transport as uvicorn's cycle of request and response sees it, with our way to close it."""

from collections.abc import Callable
from typing import NamedTuple


class Outgoing(NamedTuple):
    """What the cycle uses of a transport."""

    write: Callable[[bytes], None]
    is_closing: Callable[[], bool]
    close: Callable[[], None]
