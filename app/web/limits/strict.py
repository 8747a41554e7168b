"""Ten tries in any quarter of an hour: for acts that are slow, dangerous or worth guessing."""

from app.web.limits.enforcement import take_or_refuse
from app.web.limits.policies import MINUTE_S, Policy

TRIES, WITHIN_MINUTES = 10, 15


def strict(act: str, subject: str) -> None:
    """Count a try of `act` by `subject`. Raises RateLimited for the eleventh within fifteen minutes."""
    policy = Policy(act, subject, TRIES, WITHIN_MINUTES * MINUTE_S, is_sliding=True)
    take_or_refuse([policy], f"At most {TRIES} times in {WITHIN_MINUTES} minutes. Try again {{when}}.")
