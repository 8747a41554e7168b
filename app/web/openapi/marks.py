"""Marks of views for the API's description, beside the mark of access."""

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "takes_idempotency_key"
_IF_MATCH = "takes_if_match"
_ETAG = "returns_etag"


def takes_idempotency_key(view: View) -> View:
    """Mark a view that supports the header `Idempotency-Key`."""
    setattr(view, _ATTRIBUTE, True)
    return view


def is_idempotent(view: Callable[..., Any]) -> bool:
    """Return whether a view supports the header `Idempotency-Key`."""
    return bool(getattr(view, _ATTRIBUTE, False))


def takes_if_match(view: View) -> View:
    """Mark a view that supports the header `If-Match`."""
    setattr(view, _IF_MATCH, True)
    return view


def is_conditional(view: Callable[..., Any]) -> bool:
    """Return whether a view supports the header `If-Match`."""
    return bool(getattr(view, _IF_MATCH, False))


def returns_etag(view: View) -> View:
    """Mark a view that returns the version of its object in the header `ETag`."""
    setattr(view, _ETAG, True)
    return view


def is_versioned(view: Callable[..., Any]) -> bool:
    """Return whether a view returns the header `ETag`."""
    return bool(getattr(view, _ETAG, False))
