"""Forms of API keys. The services validate the values; a form only parses them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from wtforms import DateField, IntegerField, RadioField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired

from app.api_keys.models import PER_DAY, PER_HOUR
from app.api_keys.queries import ShownKey
from app.api_keys.rules import EXPIRY_DAYS_MAX, NETWORKS_MAX, PER_WINDOW_MAX
from app.api_keys.services import NAME_CHARS_MAX, key_version
from app.lib import clock
from app.lib.errors import FieldError, Invalid
from app.web.forms import Form

ON_DATE, NEVER, KEEP = "date", "never", "keep"
DEFAULT_EXPIRY_DAYS = "90"
EXPIRY_CHOICES = {
    "7": "7 days",
    "30": "30 days",
    DEFAULT_EXPIRY_DAYS: "90 days",
    "180": "180 days",
    "365": "365 days",
    ON_DATE: "On a date",
    NEVER: "Never (discouraged)",
}
#: How long the old key works after a regeneration, in seconds.
DEFAULT_GRACE_S = "86400"
GRACE_CHOICES = {"0": "Not at all", "3600": "1 hour", DEFAULT_GRACE_S: "24 hours", "604800": "7 days"}


class KeyForm(Form):
    """All settings of a key."""

    name = StringField(
        "Name",
        description="Which program uses it, for example: orders service, staging.",
        render_kw={"maxlength": NAME_CHARS_MAX},
    )
    kind = RadioField(
        "Kind",
        choices={"live": "Live", "test": "Test"},
        default="live",
        validate_choice=False,
    )
    scopes = SelectMultipleField("Scopes", choices=[], validate_choice=False)
    expiry = RadioField("Expires", choices=EXPIRY_CHOICES, default=DEFAULT_EXPIRY_DAYS)
    expires_on = DateField(
        "Last day",
        description=f"The key works until the end of this day in UTC, at most {EXPIRY_DAYS_MAX} days from now.",
    )
    per_hour = IntegerField("Requests per hour", default=PER_HOUR)
    per_day = IntegerField(
        "Requests per day",
        default=PER_DAY,
        description="May be lower than what the hours add up to: whichever limit is reached first refuses.",
    )
    networks = TextAreaField(
        "Networks",
        description=f"One per line, up to {NETWORKS_MAX}: 203.0.113.0/24, 2001:db8::/32 or a single address. Empty:"
        " from everywhere.",
    )

    @property
    def is_test(self) -> bool:
        """Whether to create a test key."""
        return str(self.kind.data) == "test"

    @property
    def field_names(self) -> dict[str, str]:
        """Which field of the form stands for which of the services', where they differ."""
        return {"expires_at": "expires_on" if str(self.expiry.data) == ON_DATE else "expiry"}

    def settings(self) -> dict[str, Any]:
        """Return what was filled in, by the names of the services; an expiry that does not change is left out.

        Raises Invalid for what cannot even be read.
        """
        errors: list[FieldError] = []
        values: dict[str, Any] = {
            "name": str(self.name.data or ""),
            "scopes": list(self.scopes.data or []),
            "networks": str(self.networks.data or "").splitlines(),
        }
        for name in ("per_hour", "per_day"):
            values[name] = self._fields[name].data
            if values[name] is None:
                errors.append(FieldError(name, f"Write a whole number from 1 to {PER_WINDOW_MAX:,}."))
        try:
            values |= self._expiry()
        except Invalid as error:
            errors += error.errors
        if errors:
            raise Invalid("Correct the fields below.", errors=errors)
        return values

    def _expiry(self) -> dict[str, datetime | None]:
        chosen = str(self.expiry.data or "")
        if chosen != ON_DATE and self.expires_on.raw_data and self.expires_on.raw_data[0]:
            raise Invalid.field("expires_on", "Choose On a date with it, or empty it.")
        if chosen == KEEP and KEEP in (self.expiry.choices or {}):
            return {}
        if chosen == NEVER:
            return {"expires_at": None}
        if chosen == ON_DATE:
            if self.expires_on.data is None:
                raise Invalid.field("expires_on", "Choose the day on which the key ends, as 2026-12-31.")
            return {"expires_at": end_of(self.expires_on.data)}
        if chosen not in EXPIRY_CHOICES:
            raise Invalid.field("expiry", "Choose when the key expires.")
        return {"expires_at": clock.now() + timedelta(days=int(chosen))}


class RegenerateForm(Form):
    """How long the old key goes on working."""

    grace_s = RadioField(
        "How long does the old key go on working?",
        choices=GRACE_CHOICES,
        default=DEFAULT_GRACE_S,
        validators=[InputRequired("Choose how long the old key goes on working.")],
    )


class SimulationForm(Form):
    """A call to check."""

    method = StringField("Method", default="GET")
    path = StringField("Path", default="/api/v1/events")
    address = StringField("From the address")
    at = StringField("At (UTC)")

    def call(self) -> dict[str, Any]:
        """Return the call, as `simulate` takes it. Raises Invalid for what cannot be read."""
        at = str(self.at.data or "").strip()
        try:
            moment = datetime.fromisoformat(at) if at else None
        except ValueError:
            raise Invalid.field("at", "Write the moment as 2026-12-31T14:30, or leave it out.") from None
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return {
            "method": str(self.method.data or ""),
            "path": str(self.path.data or ""),
            "address": str(self.address.data or ""),
            "at": moment,
        }


def form_of(key: ShownKey) -> KeyForm:
    """Return the form filled with a key's settings."""
    form = KeyForm(
        formdata=None,
        name=key.name,
        kind="test" if key.is_test else "live",
        scopes=list(key.scopes),
        expiry=KEEP,
        per_hour=key.per_hour,
        per_day=key.per_day,
        networks="\n".join(key.networks),
    )
    form.begin_with(key_version(key))
    return offer_keeping(form, key)


def offer_keeping(form: KeyForm, key: ShownKey) -> KeyForm:
    """Let the form leave the expiry as it is."""
    kept = f"As it is: {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "As it is: never"
    form.expiry.choices = {KEEP: kept, **EXPIRY_CHOICES}
    return form


def end_of(day: date) -> datetime:
    """Return the last second of a day in UTC."""
    return datetime.combine(day, time(23, 59, 59), UTC)
