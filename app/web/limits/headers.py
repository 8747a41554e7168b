"""Reports what is left of the limits, in the headers of the answer.

`X-RateLimit-*` of the tightest limit, `RateLimit` and `RateLimit-Policy` of all of them (IETF draft
draft-ietf-httpapi-ratelimit-headers-10). `Retry-After` comes with the refusal itself, and only with it.
"""

import math

from flask import Flask, Response, g

from app.lib import clock
from app.web.limits.policies import LimitStatus


def init_limits(app: Flask) -> None:
    """Add these headers to every answer to a limited request."""
    app.after_request(_write)


def _write(response: Response) -> Response:
    statuses: list[LimitStatus] = g.get("limits", [])
    if not statuses:
        return response
    tightest = min(statuses, key=lambda one: (not one.is_refusing, one.remaining / one.policy.quota))
    headers = response.headers
    headers["X-RateLimit-Limit"] = str(tightest.policy.quota)
    headers["X-RateLimit-Remaining"] = str(tightest.remaining)
    headers["X-RateLimit-Reset"] = str(math.ceil(clock.epoch_s() + tightest.resets_in_s))
    headers["RateLimit-Policy"] = ", ".join(
        f'"{one.policy.name}";q={one.policy.quota};w={one.policy.window_s}' for one in statuses
    )
    headers["RateLimit"] = ", ".join(
        f'"{one.policy.name}";r={one.remaining};t={math.ceil(one.resets_in_s)}' for one in statuses
    )
    return response
