"""Masks the credentials of an integration in what a service answered: by value, wherever they are in it."""

from collections.abc import Sequence
from typing import Any

import orjson

from app.integrations.services.access import Access
from app.integrations.services.outgoing import CallOutcome
from app.lib import redact


def secrets_of(access: Access, outcome: CallOutcome) -> tuple[str, ...]:
    """Return the secrets that a call carried, in each form in which a service may repeat them."""
    found = {*access.secret_values, outcome.token}
    # Of HTTP Basic, user and password together are what is sent.
    found |= {
        value.rpartition(" ")[2] for name, value in outcome.request_headers if name.lower() == "authorization"
    }
    return tuple(form for secret in sorted(found - {""}) for form in redact.written_forms(secret))


def masked_value(value: Any, secrets: Sequence[str]) -> Any:  # noqa: ANN401 - foreign JSON
    """Return a value of JSON with every secret in it masked; itself where it holds none."""
    text = orjson.dumps(value).decode()
    return _masked(value, secrets) if any(secret in text for secret in secrets) else value


def _masked(value: Any, secrets: Sequence[str]) -> Any:  # noqa: ANN401 - foreign JSON
    if isinstance(value, str):
        return redact.text(value, secret_values=secrets)
    if isinstance(value, dict):
        return {
            redact.text(name, secret_values=secrets): _masked(child, secrets) for name, child in value.items()
        }
    if isinstance(value, list):
        return [_masked(child, secrets) for child in value]
    return value
