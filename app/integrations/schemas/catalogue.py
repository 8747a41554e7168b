"""What the API says about the catalogue, and takes and says about apps."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from app.integrations import spec
from app.integrations.apps import uses_apps
from app.integrations.models import ProviderApp
from app.web.schemas import Body, Out
from app.web.secret_fields import SECRET


class ChoiceOut(Out):
    """A value that a field takes."""

    value: str = Field(examples=["eu"])
    label: str = Field(examples=["Europe"])


class FieldOut(Out):
    """Something that a provider asks for."""

    name: str = Field(examples=["token"])
    label: str = Field(examples=["Personal access token"])
    kind: Literal["text", "url", "secret", "choice", "multiline"] = Field(
        description="A secret goes into `credentials`, everything else into `config`.", examples=["secret"]
    )
    help: str = Field(examples=["A fine-grained token."])
    where: str = Field(description="Where to find it.", examples=["GitHub → Settings → Developer settings."])
    is_required: bool = Field(examples=[True])
    default: str = Field(examples=[""])
    choices: list[ChoiceOut] = Field(description="Of a choice: the values.")

    @classmethod
    def of(cls, source: spec.Field, **named: Any) -> Self:
        """Return the field."""
        choices = [ChoiceOut(value=value, label=label) for value, label in source.choices]
        return super().of(source, choices=choices, **named)


class ScopeOut(Out):
    """Something that a provider lets an app do."""

    name: str = Field(examples=["repo"])
    note: str = Field(description="What it is for here.", examples=["Reads and writes issues."])
    is_default: bool = Field(description="Asked for unless other scopes are named.", examples=[True])


class AuthMethodOut(Out):
    """A way to authenticate."""

    slug: str = Field(examples=["token"])
    label: str = Field(examples=["Personal access token"])
    uses_oauth: bool = Field(description="It has to be connected, by a person's consent.", examples=[False])
    fields: list[FieldOut] = Field(
        description="What is asked for with it, besides the provider's own fields."
    )

    @classmethod
    def of(cls, source: spec.AuthMethod, **named: Any) -> Self:
        """Return the way to authenticate with its fields."""
        return super().of(
            source,
            uses_oauth=isinstance(source.placement, spec.OAuthAuth),
            fields=[FieldOut.of(asked) for asked in source.fields],
            **named,
        )


class ProviderOut(Out):
    """A service of the catalogue."""

    slug: str = Field(examples=["github"])
    name: str = Field(examples=["GitHub"])
    type: spec.IntegrationType
    category: spec.Category
    summary: str = Field(examples=["Code hosting: repositories, issues, pull requests and releases."])
    abilities: list[str] = Field(
        description="What it can do here.", examples=[["Call any endpoint of the REST API."]]
    )
    website: str = Field(examples=["https://github.com"])
    colour: str = Field(examples=["#24292f"])
    auth_methods: list[AuthMethodOut] = Field(
        description="How calls can prove who they come from, the usual first."
    )
    fields: list[FieldOut] = Field(description="What is asked for whichever way to authenticate is chosen.")
    scopes: list[ScopeOut] = Field(description="What can be asked for when it is connected.")
    uses_apps: bool = Field(
        description="It is connected through an app that is registered with the provider.", examples=[True]
    )
    can_be_tested: bool = Field(examples=[True])
    verified_on: date | None = Field(
        description="When these facts were last compared with the provider's pages."
    )

    @classmethod
    def of(cls, source: spec.Provider, **named: Any) -> Self:
        """Return the provider with what it asks for."""
        return super().of(
            source,
            abilities=list(source.abilities),
            auth_methods=[AuthMethodOut.of(method) for method in source.auth_methods],
            fields=[FieldOut.of(asked) for asked in source.fields],
            scopes=[ScopeOut.of(scope) for scope in (source.oauth.scopes if source.oauth else ())],
            uses_apps=uses_apps(source),
            can_be_tested=any(source.check_of(method) for method in source.auth_methods),
            **named,
        )


class Catalogue(Out):
    """What integrations can be made from, by category and name."""

    data: list[ProviderOut]


class AppIn(Body):
    """An app that is registered with a provider."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"client_id": "Iv1.8a61f9b3", "client_secret": "…"}}
    )

    client_id: str = Field(examples=["Iv1.8a61f9b3"])
    client_secret: Annotated[str, SECRET] = Field(
        default="",
        description="Left out: the stored one stays, as long as the client id does. Never returned.",
        examples=["…"],
    )


class AppOut(Out):
    """The team's app with a provider. Its secret is never returned."""

    provider: str = Field(examples=["github"])
    client_id: str = Field(examples=["Iv1.8a61f9b3"])
    has_secret: bool = Field(examples=[True])
    redirect_uri: str = Field(
        description="To be registered with the provider exactly so.",
        examples=["https://signalbox.example.com/integrations/callback/github"],
    )
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, source: ProviderApp, **named: Any) -> Self:
        """Return the app without its secret."""
        return super().of(source, has_secret=bool(source.client_secret_sealed), **named)


class AppList(Out):
    """The team's apps, by provider."""

    data: list[AppOut]


class AppPath(BaseModel):
    provider_slug: str = Field(description="A provider of the catalogue.", examples=["github"])
