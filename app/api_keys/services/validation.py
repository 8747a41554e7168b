"""Validates the settings of a key. All errors are reported at once, each beside its field."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.api_keys.rules import EXPIRY_DAYS_MAX, PER_WINDOW_MAX, parse_networks
from app.lib import clock
from app.lib.errors import FieldError, Invalid
from app.web.permissions import expand
from app.web.permissions import scopes as declared_scopes

NAME_CHARS_MAX = 100


def validate_settings(values: Mapping[str, Any], *, granted_by: frozenset[str]) -> dict[str, Any]:
    """Return the given settings as they are stored. Raises Invalid with everything that is wrong with them.

    `granted_by` are the permissions of who changes the key: nobody grants a scope they lack.
    """
    errors: list[FieldError] = []
    stored = dict(values)
    if "name" in stored:
        stored["name"] = " ".join(str(stored["name"]).split())
        if not 0 < len(stored["name"]) <= NAME_CHARS_MAX or not stored["name"].isprintable():
            errors.append(FieldError("name", f"Give the key a name of 1 to {NAME_CHARS_MAX} characters."))
    if "scopes" in stored:
        stored["scopes"] = sorted(set(stored["scopes"]))
        errors += _validate_scopes(stored["scopes"], granted_by)
    if "networks" in stored:
        try:
            stored["networks"] = parse_networks(stored["networks"])
        except ValueError as error:
            errors.append(FieldError("networks", str(error)))
    for field in ("per_hour", "per_day"):
        if field in stored and not 1 <= stored[field] <= PER_WINDOW_MAX:
            errors.append(FieldError(field, f"Write a whole number from 1 to {PER_WINDOW_MAX:,}."))
    if stored.get("expires_at") is not None:
        errors += _validate_expiry(stored["expires_at"])
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)
    return stored


def lacking(scopes: Collection[str], permissions: frozenset[str]) -> list[str]:
    """Return the scopes that these permissions do not cover, in the order in which forms show them."""
    return [scope for scope in declared_scopes() if scope in scopes and scope not in expand(permissions)]


def _validate_scopes(scopes: Sequence[str], granted_by: frozenset[str]) -> list[FieldError]:
    errors = []
    if not scopes:
        errors.append(FieldError("scopes", "Choose at least one scope."))
    unknown = sorted(set(scopes) - set(declared_scopes()))
    if unknown:
        errors.append(
            FieldError(
                "scopes",
                f"There is no scope {unknown[0][:50]}. The scopes are: {', '.join(declared_scopes())}.",
            )
        )
    refused = lacking(scopes, granted_by)
    if refused:
        errors.append(
            FieldError(
                "scopes", f"You cannot grant {', '.join(refused)}: you do not have that permission yourself."
            )
        )
    return errors


def _validate_expiry(expires_at: datetime) -> list[FieldError]:
    now = clock.now()
    if expires_at <= now:
        return [FieldError("expires_at", "That is in the past. Choose a later date, or revoke the key.")]
    # A day more: a date means its end, in whatever time zone it was chosen.
    if expires_at > now + timedelta(days=EXPIRY_DAYS_MAX + 1):
        return [FieldError("expires_at", f"At most {EXPIRY_DAYS_MAX} days from now.")]
    return []
