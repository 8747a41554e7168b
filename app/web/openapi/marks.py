"""What a view says about itself to the API's description, beside its mark of access."""

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "takes_idempotency_key"


def takes_idempotency_key(view: View) -> View:
    """Say that a view understands the header `Idempotency-Key`."""
    setattr(view, _ATTRIBUTE, True)
    return view


def is_idempotent(view: Callable[..., Any]) -> bool:
    """Return whether a view understands the header `Idempotency-Key`."""
    return bool(getattr(view, _ATTRIBUTE, False))
