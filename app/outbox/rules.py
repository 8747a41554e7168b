"""When a mail is tried again."""

_FIRST_WAIT_S = 30.0
_LONGEST_WAIT_S = 3600.0


def wait_before_retry_s(attempts: int) -> float:
    """Return how long to wait after so many attempts: half a minute, then four times as long each time, to an hour."""
    return min(_FIRST_WAIT_S * 4.0 ** min(attempts - 1, 10), _LONGEST_WAIT_S)
