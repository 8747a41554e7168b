"""Prefixed identifiers that sort by the time they were made.

The part behind the prefix is a monotonic ULID (https://github.com/ulid/spec) in lower case: 48 bits of Unix
milliseconds and 80 random bits in Crockford's base 32. Of the ids that one process makes within a millisecond,
each is greater than the one before by a random step, so that none can be guessed from its neighbour.
"""

import os
import re
import threading
from datetime import UTC, datetime

from app.lib import clock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_RANDOM_BITS = 80
_RANDOM_MASK = (1 << _RANDOM_BITS) - 1
# A step of 64 bits from a start below 2**79 leaves room for 32 768 ids in a millisecond; behind them the order is lost.
_START_MASK = _RANDOM_MASK >> 1
_STEP_BITS = 64
_last = (0, 0)
_last_lock = threading.Lock()
_LENGTH = 26
_PATTERN = re.compile(rf"[a-z]+_[{_ALPHABET}]{{{_LENGTH}}}")


def new_id(prefix: str) -> str:
    """Return a new identifier such as `evt_01k9…`.

    Ids sort by the millisecond in which they were made; those of one process and one millisecond, in the order of
    the calls.
    """
    global _last
    drawn = int.from_bytes(os.urandom(_RANDOM_BITS // 8))
    with _last_lock:
        milliseconds = int(clock.epoch_s() * 1000)
        last_milliseconds, last_randomness = _last
        if milliseconds == last_milliseconds:
            randomness = (last_randomness + 1 + (drawn >> (_RANDOM_BITS - _STEP_BITS))) & _RANDOM_MASK
        else:
            randomness = drawn & _START_MASK
        _last = (milliseconds, randomness)
    return f"{prefix}_{_encode(milliseconds, randomness)}"


def is_id(text: str, prefix: str) -> bool:
    """Return whether `text` has the form of an identifier with this prefix."""
    return text.startswith(prefix + "_") and _PATTERN.fullmatch(text) is not None


def lowest_id_at(prefix: str, moment: datetime) -> str:
    """Return the smallest identifier that can be made at `moment`: a time bound for lists ordered by id."""
    return f"{prefix}_{_encode(max(0, int(moment.timestamp() * 1000)), 0)}"


def born_at(identifier: str) -> datetime:
    """Return when the identifier was made, to the millisecond. Raises ValueError when it is none."""
    number = 0
    for char in identifier.rpartition("_")[2]:
        number = number << 5 | _ALPHABET.index(char)
    return datetime.fromtimestamp((number >> _RANDOM_BITS) / 1000, UTC)


def _encode(milliseconds: int, randomness: int) -> str:
    # Unrolled and in machine-sized pieces, for speed: every event, delivery and attempt needs an id.
    pair, high, low = _PAIRS, randomness >> 40, randomness & 0xFF_FFFF_FFFF
    return (
        pair[milliseconds >> 40 & 1023] + pair[milliseconds >> 30 & 1023] + pair[milliseconds >> 20 & 1023]
        + pair[milliseconds >> 10 & 1023] + pair[milliseconds & 1023]
        + pair[high >> 30] + pair[high >> 20 & 1023] + pair[high >> 10 & 1023] + pair[high & 1023]
        + pair[low >> 30] + pair[low >> 20 & 1023] + pair[low >> 10 & 1023] + pair[low & 1023]
    )  # fmt: skip
