"""Versions of objects: a change that is based on an older version is refused, so that nothing is overwritten unseen.

Pages carry the version in the form, programs in `If-Match`. A version covers what can be edited and nothing else:
a failure of a webhook is no change of its settings.
"""

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import orjson
from flask import Response, after_this_request, request

from app.extensions import current_settings
from app.lib.errors import PreconditionFailed

FIELD = "form_version"
_VERSION_CHARS = 32


@dataclass(frozen=True, slots=True)
class Change:
    """The latest change of an object: who made it and when."""

    by: str
    at: datetime


def version_of(*values: object) -> str:
    """Return the version of an object with these values; equal values have equal versions, on every machine."""
    # Keyed: else secret headers could be guessed from their version.
    digest = hmac.new(current_settings().secret_key.encode(), digestmod=hashlib.sha256)
    digest.update(b"signalbox.version" + orjson.dumps(values, option=orjson.OPT_SORT_KEYS, default=str))
    return digest.hexdigest()[:_VERSION_CHARS]


def check_version(expected: Collection[str] | None, current: str) -> None:
    """Raise PreconditionFailed unless `current` is among the expected versions. None expects nothing."""
    if expected is not None and current not in expected:
        raise PreconditionFailed(
            "It was changed since you read it, so nothing was changed now. Read it again, then decide."
        )


def expected_by_caller() -> frozenset[str] | None:
    """Return the versions that `If-Match` names; None without the header, or with `*`: any version may change.

    A weak tag counts as its strong one: proxies that compress weaken them on the way.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    tags = (tag.strip() for tag in header.split(","))
    return frozenset(tag.removeprefix("W/").strip('"') for tag in tags if tag)


def tag_response(version: str) -> None:
    """Give the response to this request the version as its `ETag`, if it succeeds."""

    def tag(response: Response) -> Response:
        if response.status_code < 300:
            response.headers["ETag"] = f'"{version}"'
        return response

    after_this_request(tag)
