"""The form of an integration, made from what its provider asks for. The services check the values; a form only reads them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from flask import request
from wtforms import Field as FormField
from wtforms import (
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import Optional

from app.integrations import rules
from app.integrations.models import Integration
from app.integrations.providers import get_provider, providers
from app.integrations.services.settings import integration_version
from app.integrations.spec import AuthMethod, Field, OAuthAuth, Provider
from app.lib.errors import FieldError, Invalid
from app.web.forms import Form


@dataclass(frozen=True, slots=True)
class Question:
    """A provider's field, and the control that takes the answer. `is_stored`: a secret that is there already."""

    asked: Field
    control: FormField
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class MethodGroup:
    """A way to authenticate with what it asks for."""

    method: AuthMethod
    questions: list[Question]

    @property
    def uses_oauth(self) -> bool:
        """Whether scopes are asked for with it."""
        return isinstance(self.method.placement, OAuthAuth)


class IntegrationForm(Form):
    """All settings of an integration; its provider's questions are fields of the classes from `form_class`."""

    provider: ClassVar[Provider]

    name = StringField(
        "Name", description="What your team calls it.", render_kw={"maxlength": rules.NAME_MAX_CHARS}
    )
    description = TextAreaField("Description", render_kw={"maxlength": rules.DESCRIPTION_MAX_CHARS})
    logo = SelectField("Picture", validate_choice=False)
    auth_method = RadioField("How calls prove who they come from", validate_choice=False)
    scopes = SelectMultipleField("Scopes", choices=[], validate_choice=False)
    more_scopes = StringField(
        "Further scopes",
        description="Separated by spaces, as the provider's documentation spells them.",
    )
    hourly_limit = IntegerField("Calls per hour", validators=[Optional()])
    daily_limit = IntegerField("Calls per day", validators=[Optional()])
    metadata = TextAreaField(
        "Metadata",
        description=f"Notes of your own, one per line as name: value; at most {rules.DETAILS_MAX}.",
    )

    def __init__(self, *arguments: Any, **values: Any) -> None:
        super().__init__(*arguments, **values)
        provider = self.provider
        self.logo.choices = {
            "": f"{provider.name}'s",
            **{slug: one.name for slug, one in providers().items()},
        }
        self.auth_method.choices = {method.slug: method.label for method in provider.auth_methods}
        if self.auth_method.data not in self.auth_method.choices:
            self.auth_method.data = provider.auth_methods[0].slug

    @property
    def chosen_method(self) -> AuthMethod:
        """The way to authenticate that is chosen."""
        return self.provider.auth_method(str(self.auth_method.data))

    @property
    def field_names(self) -> dict[str, str]:
        """Which field of the form stands for which of the services', where they differ."""
        return _names_of(self.provider, self.chosen_method)

    def common_questions(self, stored: Collection[str]) -> list[Question]:
        """Return what is asked for whichever way to authenticate is chosen."""
        return [self._question(asked, _common(asked), stored) for asked in self.provider.fields]

    def method_groups(self, stored: Collection[str]) -> list[MethodGroup]:
        """Return each way to authenticate with its questions."""
        return [
            MethodGroup(
                method, [self._question(asked, _own(method, asked), stored) for asked in method.fields]
            )
            for method in self.provider.auth_methods
        ]

    def settings(self) -> dict[str, Any]:
        """Return what was filled in, by the names of `IntegrationSettings`. Raises Invalid for what cannot be read."""
        errors: list[FieldError] = []
        values: dict[str, Any] = {
            "name": str(self.name.data or ""),
            "description": str(self.description.data or ""),
            "logo": str(self.logo.data or "") or None,
            "auth_method": str(self.auth_method.data),
            "answers": {
                name: str(self._fields[field].data or "") for name, field in self.field_names.items()
            },
            "scopes": self._scopes(),
            "hourly_limit": self.hourly_limit.data,
            "daily_limit": self.daily_limit.data,
        }
        for field in (self.hourly_limit, self.daily_limit):
            if field.data is None and "".join(field.raw_data or ()).strip():
                errors.append(
                    FieldError(field.name, f"Write a whole number from 1 to {rules.LIMIT_MAX:,}, or nothing.")
                )
        try:
            values["details"] = read_details(str(self.metadata.data or ""))
        except Invalid as error:
            errors += error.errors
        if errors:
            raise Invalid("Correct the fields below.", errors=errors)
        return values

    def _scopes(self) -> list[str] | None:
        if not isinstance(self.chosen_method.placement, OAuthAuth):
            return None
        return [*(self.scopes.data or ()), *str(self.more_scopes.data or "").split()]

    def _question(self, asked: Field, name: str, stored: Collection[str]) -> Question:
        return Question(asked, self._fields[name], is_stored=asked.kind == "secret" and asked.name in stored)


@cache
def form_class(slug: str) -> type[IntegrationForm]:
    """Return the form of a provider's integrations. Raises NotFound."""
    provider = get_provider(slug)
    fields: dict[str, Any] = {_common(asked): _control(asked) for asked in provider.fields}
    for method in provider.auth_methods:
        fields |= {_own(method, asked): _control(asked) for asked in method.fields}
    return type("IntegrationForm", (IntegrationForm,), {"provider": provider, **fields})


def sent_form(prefix: str = "") -> IntegrationForm:
    """Return the form that was sent, of the provider that it names. Raises NotFound."""
    return form_class(request.form.get("provider", ""))(prefix=prefix)


def form_of(integration: Integration) -> IntegrationForm:
    """Return the form filled with an integration's settings, without its secrets."""
    provider = get_provider(integration.provider)
    offered = {scope.name for scope in provider.oauth.scopes} if provider.oauth else set()
    values: dict[str, Any] = {
        "name": integration.name,
        "description": integration.description,
        "logo": integration.logo or "",
        "auth_method": integration.auth_method,
        "scopes": [scope for scope in integration.scopes if scope in offered],
        "more_scopes": " ".join(scope for scope in integration.scopes if scope not in offered),
        "hourly_limit": integration.hourly_limit,
        "daily_limit": integration.daily_limit,
        "metadata": shown_details(integration.details),
    }
    for method in provider.auth_methods:
        # Also those of the other ways: who changes to one finds the answers that they share.
        for name, field in _names_of(provider, method).items():
            if name in integration.config:
                values[field] = integration.config[name]
    form = form_class(integration.provider)(formdata=None, **values)
    form.begin_with(integration_version(integration))
    return form


def new_form(provider: Provider, auth_method: str | None = None) -> IntegrationForm:
    """Return the form of a new integration, with what the provider suggests."""
    scopes = [scope.name for scope in provider.oauth.scopes if scope.is_default] if provider.oauth else []
    values = {"name": provider.name, "scopes": scopes, "auth_method": auth_method}
    return form_class(provider.slug)(formdata=None, **values)


def read_details(text: str) -> dict[str, str]:
    """Return the notes of a text of lines `name: value`; empty lines count for nothing. Raises Invalid."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise Invalid.field(
                "metadata", f"Line {number} has no colon. Write one note per line, as name: value."
            )
        if name.strip() in found:
            raise Invalid.field("metadata", f"Line {number} names {name.strip()} again. Give each name once.")
        found[name.strip()] = value.strip()
    return found


def shown_details(details: Mapping[str, str]) -> str:
    """Return notes as the form shows them."""
    return "\n".join(f"{name}: {value}" for name, value in details.items())


def _names_of(provider: Provider, method: AuthMethod) -> dict[str, str]:
    common = {asked.name: _common(asked) for asked in provider.fields}
    return common | {asked.name: _own(method, asked) for asked in method.fields}


def _common(asked: Field) -> str:
    return f"common_{asked.name}"


def _own(method: AuthMethod, asked: Field) -> str:
    # Two ways may ask for the same: each has its own control.
    return f"with_{method.slug}_{asked.name}"


def _control(asked: Field) -> FormField:
    attributes = {"maxlength": asked.max_chars}
    match asked.kind:
        case "secret":
            return PasswordField(asked.label, render_kw=attributes)
        case "choice":
            return SelectField(
                asked.label, choices=dict(asked.choices), default=asked.default, validate_choice=False
            )
        case "multiline":
            return TextAreaField(asked.label, default=asked.default, render_kw=attributes)
        case _:
            return StringField(asked.label, default=asked.default, render_kw=attributes)


class AppForm(Form):
    """An app that is registered with a provider."""

    client_id = StringField("Client id", description="The provider shows it on the page of your app.")
    client_secret = PasswordField("Client secret")


class MessageForm(Form):
    """A message to Slack."""

    channel = StringField("Channel", description="Its name, such as #support, or its id.")
    text = TextAreaField("Text")
