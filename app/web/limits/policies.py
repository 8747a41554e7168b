"""The limits. Each has a name and a subject, and clears when its window ends."""

import ipaddress
from dataclasses import dataclass

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Policy:
    """`quota` uses for `subject` within `window_s` seconds from the first; `is_sliding`: within any `window_s` seconds.

    The counter is found by `name` and `subject` only, so that a changed quota keeps what is used.
    """

    name: str
    subject: str
    quota: int
    window_s: int
    is_sliding: bool = False
    #: What is counted and whose it is, for refusals; where `TITLES` has no words for it.
    words: tuple[str, str] | None = None

    @property
    def title(self) -> tuple[str, str]:
        """What is counted, and whose it is."""
        return self.words or TITLES[self.name]

    @property
    def counter(self) -> str:
        """The key of the counter in Redis."""
        kind = "sliding-limit" if self.is_sliding else "limit"
        return f"signalbox:{kind}:{self.name}:{self.subject}"


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """What is used of a policy, and when its window ends; `is_refusing`: it had no room for what was asked.

    Of a sliding limit `resets_in_s` is when its next use ends, or the first one that makes room.
    """

    policy: Policy
    used: int
    resets_in_s: float
    is_refusing: bool = False

    @property
    def remaining(self) -> int:
        """What may still be used in this window."""
        return max(0, self.policy.quota - self.used)


#: The name of each policy in refusals and on pages, and its subject.
TITLES = {
    "key-hour": ("requests per hour", "this API key"),
    "key-day": ("requests per day", "this API key"),
    "team-hour": ("API requests per hour", "this team"),
    "user-minute": ("requests per minute", "your account"),
    "user-live": ("automatic refreshes per minute", "your account"),
    "public-minute": ("requests per minute", "your network address"),
    "unknown-minute": ("requests for unknown addresses per minute", "your network address"),
    "key-failures": ("refused API keys per minute", "your network address"),
}


def key_hour(kid: str, quota: int) -> Policy:
    """Return the hourly limit of an API key."""
    return Policy("key-hour", kid, quota, HOUR_S)


def key_day(kid: str, quota: int) -> Policy:
    """Return the daily limit of an API key."""
    return Policy("key-day", kid, quota, DAY_S)


def team_hour(team_id: str, quota: int) -> Policy:
    """Return the hourly limit of all API keys of a team together."""
    return Policy("team-hour", team_id, quota, HOUR_S)


def subject_of_address(address: str | None) -> str:
    """Return the subject of limits for a network address: itself; of an IPv6 address its /64, which one host owns."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
