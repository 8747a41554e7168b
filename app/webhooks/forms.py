"""Forms of webhooks. The services validate the values; a form only reads them."""

from decimal import Decimal
from typing import Any

from wtforms import DecimalField, IntegerField, SelectMultipleField, StringField, TextAreaField

from app.lib.errors import FieldError, Invalid
from app.web.forms import Form
from app.webhooks import custom_headers
from app.webhooks.models import Webhook
from app.webhooks.services.settings import (
    LIMITS,
    NAME_MAX_CHARS,
    WebhookSettings,
    stored_headers,
    webhook_version,
)


class RetryFields(Form):
    """The numbers that decide how a failed delivery is retried."""

    max_retries = IntegerField(
        "Retries", default=3, description="How often a failed delivery is tried again: 0 to 15 times."
    )
    first_retry_s = IntegerField(
        "First retry after", default=10, description="From 1 second to 3600 seconds, an hour."
    )
    retry_multiplier = DecimalField(
        "Multiplier",
        default=Decimal(2),
        places=None,
        description="Each wait is this many times the one before, 1 to 10; never more than a day.",
    )

    def numbers(self) -> dict[str, Any]:
        """Return the numbers. Raises Invalid naming every field that holds none."""
        values: dict[str, Any] = {}
        errors: list[FieldError] = []
        for name in LIMITS:
            field = self._fields.get(name)
            if field is None:
                continue
            value = field.data
            if value is None or (isinstance(value, Decimal) and not value.is_finite()):
                low, high = LIMITS[name]
                errors.append(FieldError(name, f"Write a number from {low} to {high}."))
            else:
                values[name] = float(value) if isinstance(value, Decimal) else value
        if errors:
            raise Invalid("Correct the numbers.", errors=errors)
        return values


class WebhookForm(RetryFields):
    """All settings of a webhook."""

    #: Their values are often tokens of receivers.
    SECRET_FIELDS = frozenset({"headers"})

    name = StringField(
        "Name", description="What your team calls the receiver.", render_kw={"maxlength": NAME_MAX_CHARS}
    )
    url = StringField(
        "URL", description="Where events are sent, by POST. Use https:// for everything but tests."
    )
    event_types = SelectMultipleField("Event types", choices=[], validate_choice=False)
    headers = TextAreaField("Headers")
    timeout_s = IntegerField(
        "Timeout",
        default=15,
        description="How long the receiver may take for its whole answer, 1 to 30 seconds.",
    )

    def settings(self) -> WebhookSettings:
        """Return what was filled in. Raises Invalid for what cannot even be read."""
        errors: list[FieldError] = []
        headers: custom_headers.Pairs = []
        numbers: dict[str, Any] = {}
        try:
            headers = custom_headers.read_lines(str(self.headers.data or ""))
        except Invalid as error:
            errors += error.errors
        try:
            numbers = self.numbers()
        except Invalid as error:
            errors += error.errors
        if errors:
            raise Invalid("Correct the fields below.", errors=errors)
        return WebhookSettings(
            name=str(self.name.data or ""),
            url=str(self.url.data or ""),
            event_types=list(self.event_types.data or []),
            headers=headers,
            **numbers,
        )


def form_of(webhook: Webhook) -> WebhookForm:
    """Return the form filled with a webhook's settings, the values of its headers masked."""
    values = {name: getattr(webhook, name) for name in ("name", "url", "event_types", *LIMITS)}
    names = [name for name, _ in stored_headers(webhook)]
    form = WebhookForm(formdata=None, headers=custom_headers.masked_lines(names), **values)
    form.begin_with(webhook_version(webhook))
    return form
