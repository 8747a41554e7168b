"""Dates what itsdangerous signs by the application's clock."""

from itsdangerous import TimestampSigner

from app.lib import clock


class TimedSigner(TimestampSigner):
    """Signs with the time of `app.lib.clock`, so that machines with wrong clocks accept each other's signatures."""

    def get_timestamp(self) -> int:
        """Return the seconds since 1970-01-01 UTC."""
        return int(clock.epoch_s())
