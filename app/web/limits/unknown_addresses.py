"""Flask-Limiter, in front of the addresses that no route serves: scanners try thousands, and each costs an error page.

Requests that a route serves never pass through it: their limits are known only after the caller is, and are taken
together. It counts on the same counters as all other limits, so it behaves as they do while Redis is away.
"""

from flask import Flask, request
from flask_limiter import Limiter, RequestLimit
from limits.storage import Storage

from app.extensions import current_settings
from app.lib import clock
from app.web.limits.counters import counters
from app.web.limits.enforcement import record_statuses, refuse
from app.web.limits.policies import MINUTE_S, LimitStatus, Policy, subject_of_address

#: Flask-Limiter compares with the quota itself, after it has counted.
_COUNTED_TO = 2**31
_NAME = "unknown-minute"
_SCHEME = "signalbox"


class CounterStorage(Storage):
    """Lets Flask-Limiter count on the counters of the current app."""

    STORAGE_SCHEME = [_SCHEME]  # noqa: RUF012 - as its base declares it

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Return no exceptions: without Redis the process counts alone."""
        return ()

    def incr(self, key: str, _expiry: int, amount: int = 1) -> int:
        """Count one use and return what is used. Only single uses are counted."""
        if amount != 1:
            raise ValueError("counts single uses only")
        (status,), _ = counters().take([_policy(key)])
        return status.used

    def get(self, key: str) -> int:
        """Return what is used."""
        return counters().peek([_policy(key)])[0].used

    def get_expiry(self, key: str) -> float:
        """Return when the window ends, in seconds since 1970 by the clock of this host."""
        return clock.epoch_s() + counters().peek([_policy(key)])[0].resets_in_s

    def check(self) -> bool:
        """Return True: without Redis the process counts."""
        return True

    def reset(self) -> int | None:
        """Do nothing and return None: the counters hold other limits, too."""
        return None

    def clear(self, key: str) -> None:
        """Clear the counter."""
        counters().clear([_policy(key)])


def init_unknown_addresses(app: Flask) -> None:
    """Give the app its Flask-Limiter."""
    # Marked as registered already, so that it adds no hooks to every request.
    app.extensions.setdefault("limiter", set()).add(_limiter)
    _limiter.init_app(app)


def _quota() -> str:
    return f"{current_settings().public_requests_per_minute} per minute"


def _policy(key: str, quota: int = _COUNTED_TO) -> Policy:
    # A window: it counts on beyond the quota, and a flood must not be kept use by use.
    return Policy(_NAME, key, quota, MINUTE_S)


def _refuse(limit: RequestLimit) -> None:
    quota = limit.limit.amount
    found = counters().peek([_policy(limit.key)])[0]
    statuses = [LimitStatus(_policy(limit.key, quota), found.used, found.resets_in_s, is_refusing=True)]
    record_statuses(statuses)
    refuse(statuses, team_id=None, is_first=found.used == quota + 1)


_limiter = Limiter(
    lambda: subject_of_address(request.remote_addr),
    request_identifier=lambda: "unknown-address",
    storage_uri=f"{_SCHEME}://",
    strategy="fixed-window",
)


@_limiter.limit(_quota, on_breach=_refuse)
def take_unknown_address() -> None:
    """Count a request for an address that no route serves, against its caller's address. Raises QuotaExceeded."""
