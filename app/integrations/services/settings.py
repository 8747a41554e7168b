"""What people decide about an integration: how it is checked, sealed and read back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from app.integrations import rules
from app.integrations.answers import Answers
from app.integrations.credentials import CredentialsUnreadable, open_credentials
from app.integrations.facts import fields_of, missing_fields
from app.integrations.models import Integration
from app.integrations.providers import get_provider, providers
from app.integrations.spec import Provider
from app.lib.errors import FieldError, Invalid, NotFound
from app.lib.redact import MASK
from app.web.forms.versions import version_of

log = structlog.get_logger()

#: The columns that hold settings as they are.
COLUMNS = (
    "name", "description", "logo", "auth_method", "config", "scopes", "hourly_limit", "daily_limit", "details",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationSettings:
    """What people decide about an integration.

    `answers` are those to the provider's fields, by name. A secret that is masked or left out keeps the stored one.
    """

    name: str
    auth_method: str
    answers: Mapping[str, str] = field(default_factory=dict, repr=False)
    description: str = ""
    logo: str | None = None
    scopes: Sequence[str] | None = None
    hourly_limit: int | None = None
    daily_limit: int | None = None
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckedSettings:
    """What is stored: the columns, and the secrets to be sealed."""

    columns: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)


def settings_of(integration: Integration) -> IntegrationSettings:
    """Return an integration's settings, its secrets masked: given back so, they are kept."""
    masked = dict.fromkeys(stored_secrets(integration), MASK)
    return IntegrationSettings(
        name=integration.name,
        auth_method=integration.auth_method,
        answers={**integration.config, **masked},
        description=integration.description,
        logo=integration.logo,
        scopes=list(integration.scopes),
        hourly_limit=integration.hourly_limit,
        daily_limit=integration.daily_limit,
        details=dict(integration.details),
    )


def stored_secrets(integration: Integration) -> dict[str, str]:
    """Return an integration's secrets; none when they cannot be read: giving them anew must be possible. Logged then."""
    try:
        return open_credentials(integration)
    except CredentialsUnreadable as error:
        log.warning("integration_credentials_unreadable", integration_id=integration.id, reason=str(error))
        return {}


def integration_version(integration: Integration) -> str:
    """Return the version of an integration's settings, secrets included."""
    columns = [getattr(integration, name) for name in COLUMNS]
    return version_of(integration.provider, *columns, stored_secrets(integration))


def checked(
    provider: Provider,
    settings: IntegrationSettings,
    integration: Integration | None = None,
    *,
    is_draft: bool = False,
) -> CheckedSettings:
    """Return what to store. `is_draft`: required fields may still be empty.

    Raises Invalid with the errors of all fields.
    """
    errors: list[FieldError] = []
    columns: dict[str, Any] = {}
    for name, check in _CHECKS.items():
        try:
            columns[name] = check(getattr(settings, name))
        except Invalid as error:
            errors += error.errors
    columns |= {"hourly_limit": settings.hourly_limit, "daily_limit": settings.daily_limit}
    for name in ("hourly_limit", "daily_limit"):
        limit = columns[name]
        if limit is not None and not 1 <= limit <= rules.LIMIT_MAX:
            errors.append(FieldError(name, f"Choose a number from 1 to {rules.LIMIT_MAX:,}, or none."))
    try:
        columns["auth_method"] = provider.auth_method(settings.auth_method).slug
    except KeyError:
        offered = ", ".join(method.slug for method in provider.auth_methods)
        raise Invalid.field("auth_method", f"{provider.name} takes one of: {offered}.") from None
    try:
        columns["scopes"] = _checked_scopes(provider, settings.scopes)
    except Invalid as error:
        errors += error.errors
    stored = stored_secrets(integration) if integration else {}
    answers = Answers(provider, fields_of(provider, settings.auth_method), settings.answers, stored)
    if integration is not None:
        answers.refuse_moved_secrets(integration.config)
    errors += answers.errors
    if not is_draft:
        known = {**answers.config, **answers.secrets}
        errors += [
            FieldError(asked.name, f"Fill in: {asked.label}.")
            for asked in missing_fields(provider, settings.auth_method, known)
            if asked.name not in {error.field for error in errors}
        ]
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)
    return CheckedSettings(columns | {"config": answers.config}, answers.secrets)


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= rules.NAME_MAX_CHARS:
        raise Invalid.field("name", f"Give it a name of 1 to {rules.NAME_MAX_CHARS} characters.")
    if not name.isprintable():
        raise Invalid.field("name", "The name holds a character that cannot be printed. Remove it.")
    return name


def _checked_description(description: str) -> str:
    description = description.strip()
    if len(description) > rules.DESCRIPTION_MAX_CHARS:
        raise Invalid.field("description", f"Write at most {rules.DESCRIPTION_MAX_CHARS} characters.")
    if "\0" in description:
        raise Invalid.field("description", "It holds a character that cannot be stored. Remove it.")
    return description


def _checked_logo(logo: str | None) -> str | None:
    if logo and logo not in providers():
        raise Invalid.field("logo", "Choose the picture of a provider of the catalogue.")
    return logo or None


def _checked_scopes(provider: Provider, scopes: Sequence[str] | None) -> list[str]:
    if provider.oauth is None:
        return []
    if scopes is None:
        return [scope.name for scope in provider.oauth.scopes if scope.is_default]
    for scope in scopes:
        # RFC 6749 §3.3: visible ASCII but quotes and backslashes; a separator would make two of it.
        if not scope or not all("!" <= char <= "~" and char not in '"\\' for char in scope):
            raise Invalid.field("scopes", f"{scope[:60]!r} is no scope: leave out spaces and quotes.")
    if sum(map(len, scopes)) > 2_000:
        raise Invalid.field("scopes", "These are too many scopes: at most 2,000 characters in all.")
    return list(dict.fromkeys(scopes))


def _checked_details(details: Mapping[str, str]) -> dict[str, str]:
    if len(details) > rules.DETAILS_MAX:
        raise Invalid.field("metadata", f"At most {rules.DETAILS_MAX} entries are stored.")
    found = {name.strip(): value.strip() for name, value in details.items()}
    for name, value in found.items():
        # Pages show them as lines, `name: value`.
        if not 1 <= len(name) <= rules.DETAIL_NAME_MAX_CHARS or not name.isprintable() or ":" in name:
            raise Invalid.field(
                "metadata",
                f"Names have 1 to {rules.DETAIL_NAME_MAX_CHARS} printable characters, and no colon.",
            )
        if len(value) > rules.DETAIL_VALUE_MAX_CHARS or not value.isprintable():
            raise Invalid.field(
                "metadata", f"{name}: write one line of at most {rules.DETAIL_VALUE_MAX_CHARS} characters."
            )
    return found


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": _checked_name,
    "description": _checked_description,
    "logo": _checked_logo,
    "details": _checked_details,
}


def provider_named(slug: str) -> Provider:
    """Return the provider that somebody named in a form or a body. Raises Invalid."""
    try:
        return get_provider(slug)
    except NotFound:
        raise Invalid.field(
            "provider", "The catalogue has no such provider: GET /api/v1/integrations/catalogue lists them."
        ) from None
