"""What the API takes and returns for integrations that teams publish."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from app.integrations.queries.catalogue import PublishedIntegration
from app.web.schemas import Body, Out
from app.web.secret_fields import SECRET

_ID = "int_01k9zq4w6v3m8t7c5x2b9d0r1s"


class PublishIn(Body):
    """Which answers travel with an integration. Its secrets, its connection and its metadata never do."""

    model_config = ConfigDict(json_schema_extra={"example": {"config": ["base_url"]}})

    config: list[str] = Field(
        default_factory=list,
        description="Names of answers in `config` that others are given; the others they fill in themselves.",
    )


class OfferOut(Out):
    """Exactly what other teams are offered."""

    name: str = Field(examples=["Help desk"])
    description: str = Field(examples=["Tickets of support."])
    logo: str | None = Field(description="Provider whose picture it shows; null: its own's.", examples=[None])
    auth_method: str = Field(examples=["bearer"])
    scopes: list[str] = Field(examples=[[]])
    hourly_limit: int | None = Field(examples=[1000])
    daily_limit: int | None = Field(examples=[None])
    config: dict[str, str] = Field(examples=[{"base_url": "https://desk.example.com/api"}])


class UsersOut(Out):
    """Who has made integrations from it. They were told that their team's name is shown."""

    integration_count: int = Field(examples=[2])
    team_names: list[str] = Field(examples=[["Blue", "Green"]])


class PublicationOut(Out):
    """How the team's own integration is offered to others."""

    is_public: bool
    published_at: datetime | None = Field(description="Null: it is not published.")
    offer: OfferOut | None = Field(
        description="As it was when it was published: later changes travel when it is published again."
    )
    users: UsersOut


class PublishedOut(Out):
    """An integration that another team has published."""

    id: str = Field(examples=[_ID])
    team_name: str = Field(description="Who publishes it.", examples=["Blue"])
    provider: str = Field(examples=["rest"])
    offer: OfferOut
    published_at: datetime

    @classmethod
    def of(cls, source: PublishedIntegration, **named: Any) -> Self:
        """Return what is offered."""
        return super().of(source, provider=source.provider.slug, offer=OfferOut.of(source.offer), **named)


class PublishedList(Out):
    """What other teams have published, newest first: at most 200."""

    data: list[PublishedOut]


class SetUpIn(Body):
    """What is missing in the offer; all of it can also be filled in later."""

    model_config = ConfigDict(json_schema_extra={"example": {"credentials": {"token": "…"}}})

    config: Annotated[dict[str, str], SECRET] = Field(
        default_factory=dict, description="Answers that are no secrets, by name; in place of those offered."
    )
    credentials: Annotated[dict[str, str], SECRET] = Field(
        default_factory=dict, description="Answers that are secrets, by name."
    )


class PublishedPath(BaseModel):
    published_id: str = Field(description="Id of an integration that another team publishes.", examples=[_ID])
