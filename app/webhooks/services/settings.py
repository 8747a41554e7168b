"""What people decide about a webhook: how it is checked, sealed and read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog

from app.config import DELIVERY_TIMEOUT_MAX_S
from app.events import queries as event_queries
from app.extensions import current_settings, sealer
from app.lib.errors import FieldError, Invalid
from app.lib.outbound import AllowedNetworks, UrlRefused, check_url
from app.lib.redact import MASK
from app.lib.sealed import CannotOpen
from app.web.forms.versions import version_of
from app.webhooks import custom_headers
from app.webhooks.models import Webhook
from app.webhooks.subscriptions import checked_patterns

log = structlog.get_logger()

NAME_MAX_CHARS = 100

#: Lowest and highest value of each number a person may set.
LIMITS: dict[str, tuple[int, int]] = {
    "max_retries": (0, 15),
    "first_retry_s": (1, 3600),
    "retry_multiplier": (1, 10),
    "timeout_s": (1, DELIVERY_TIMEOUT_MAX_S),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """What people decide about a webhook. A masked or empty header value keeps the stored one."""

    name: str
    url: str
    event_types: Sequence[str]
    headers: Sequence[tuple[str, str]] = ()
    max_retries: int = 3
    first_retry_s: int = 10
    retry_multiplier: float = 2.0
    timeout_s: int = 15


def settings_of(webhook: Webhook) -> WebhookSettings:
    """Return a webhook's settings, the values of its headers masked: given back so, they are kept."""
    return WebhookSettings(
        name=webhook.name,
        url=webhook.url,
        event_types=webhook.event_types,
        headers=[(name, MASK) for name, _ in stored_headers(webhook)],
        **{name: getattr(webhook, name) for name in LIMITS},
    )


def stored_headers(webhook: Webhook) -> custom_headers.Pairs:
    """Return a webhook's own headers with their values; none when the key that sealed them is gone.

    They are lost then, and it must be possible to enter them again. The log names the webhook.
    """
    if not webhook.headers_sealed:
        return []
    try:
        opened = sealer().open(webhook.headers_sealed, table="webhooks", column="headers", row_id=webhook.id)
    except CannotOpen as error:
        log.warning("webhook_headers_unreadable", webhook_id=webhook.id, reason=str(error))
        return []
    return [(name, value) for name, value in orjson.loads(opened)]


def webhook_version(webhook: Webhook) -> str:
    """Return the version of a webhook's settings, secret headers included."""
    limits = [float(getattr(webhook, name)) for name in LIMITS]
    return version_of(webhook.name, webhook.url, list(webhook.event_types), limits, stored_headers(webhook))


def checked(
    team_id: str, settings: WebhookSettings, webhook: Webhook | None = None
) -> tuple[dict[str, Any], custom_headers.Pairs]:
    """Return the columns to store and the headers to seal. Raises Invalid with the errors of all fields."""
    errors: list[FieldError] = []
    values: dict[str, Any] = {name: getattr(settings, name) for name in LIMITS}
    headers: custom_headers.Pairs = []
    for name, (low, high) in LIMITS.items():
        # Also false for NaN.
        if not low <= values[name] <= high:
            errors.append(FieldError(name, f"Choose a number from {low} to {high}."))
    try:
        values["name"] = _check_name(settings.name)
    except Invalid as error:
        errors += error.errors
    try:
        values["url"] = check_url(
            settings.url.strip(), AllowedNetworks.parse(current_settings().outbound_allowed_networks)
        )
    except UrlRefused as error:
        errors.append(FieldError("url", str(error)))
    try:
        names = [known.name for known in event_queries.known_types(team_id)]
        values["event_types"] = checked_patterns(
            settings.event_types, known_names=names, already=webhook.event_types if webhook else ()
        )
    except Invalid as error:
        errors += error.errors
    try:
        stored = stored_headers(webhook) if webhook else []
        if (
            webhook
            and custom_headers.keeps_values(settings.headers)
            and _has_moved(webhook, values.get("url"))
        ):
            raise Invalid.field(
                "headers",
                "The webhook moves to another server: write the header values again, or remove the headers."
                " What was meant for one server is not sent to another by itself.",
            )
        headers = custom_headers.checked(settings.headers, stored=stored)
    except Invalid as error:
        errors += error.errors
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)
    return values, headers


def _has_moved(webhook: Webhook, url: str | None) -> bool:
    """Return whether the new address is another server; not, when it was refused anyway."""
    return url is not None and urlsplit(url)[:2] != urlsplit(webhook.url)[:2]


def _check_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= NAME_MAX_CHARS:
        raise Invalid.field("name", f"Give it a name of 1 to {NAME_MAX_CHARS} characters.")
    if not name.isprintable():
        raise Invalid.field("name", "The name holds a character that cannot be printed. Remove it.")
    return name


def seal(webhook_id: str, column: str, value: bytes) -> str:
    """Return a secret of a webhook as it is stored."""
    return sealer().seal(value, table="webhooks", column=column, row_id=webhook_id)


def seal_headers(webhook_id: str, headers: custom_headers.Pairs) -> str | None:
    """Return a webhook's own headers as they are stored; None when there are none."""
    return seal(webhook_id, "headers", orjson.dumps(headers)) if headers else None
