"""What the API takes and returns for integrations."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.integrations.queries.integrations import IntegrationRow
from app.integrations.services.settings import stored_secrets
from app.integrations.spec import IntegrationType
from app.integrations.status import NextStep, Status
from app.lib.redact import MASK
from app.web.schemas import Body, Out, Pair
from app.web.secret_fields import SECRET

_ID = "int_01k9zq4w6v3m8t7c5x2b9d0r1s"
_EXAMPLE: dict[str, JsonValue] = {
    "provider": "github",
    "name": "Code host",
    "auth_method": "token",
    "credentials": {"token": "github_pat_…"},
    "hourly_limit": 1000,
    "metadata": {"owner": "support"},
}
_CONFIG = "Answers to the provider's fields that are no secrets, by name."
_CREDENTIALS = (
    f"Answers to the provider's fields that are secrets, by name. {MASK} keeps the one that is stored."
)
_SCOPES = "What the provider is asked to allow when it is connected; the provider's usual ones when left out."
_AUTH_METHOD = "One of the provider's ways to authenticate."
_LOGO = "Provider whose picture it shows; null: its own's."
_METADATA = "Notes of your own, by name."
Limit = Annotated[int, Field(ge=0, examples=[1000])]


class IntegrationIn(Body):
    """An integration to create. `GET /api/v1/integrations/catalogue` says what each provider asks for."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    provider: str = Field(description="A provider of the catalogue.", examples=["github"])
    name: str = Field(examples=["Code host"])
    auth_method: str | None = Field(
        default=None, description=f"{_AUTH_METHOD} Its first when left out.", examples=["token"]
    )
    # Marked, too: a secret that was put here by mistake is not to be found in the request log.
    config: Annotated[dict[str, str], SECRET] = Field(default_factory=dict, description=_CONFIG)
    credentials: Annotated[dict[str, str], SECRET] = Field(default_factory=dict, description=_CREDENTIALS)
    description: str = ""
    logo: str | None = Field(default=None, description=_LOGO)
    scopes: list[str] | None = Field(default=None, description=_SCOPES)
    hourly_limit: Limit | None = Field(default=None, description="Calls per hour; null: no limit of its own.")
    daily_limit: Limit | None = Field(default=None, description="Calls per day; null: no limit of its own.")
    metadata: dict[str, str] = Field(default_factory=dict, description=_METADATA)


class IntegrationChange(Body):
    """What to change; a field left out, or null, stays as it is. So does what `config` and `credentials` do not name."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Code host", "daily_limit": 20000}})

    name: str | None = None
    auth_method: str | None = Field(default=None, description=_AUTH_METHOD)
    config: Annotated[dict[str, str] | None, SECRET] = Field(default=None, description=_CONFIG)
    credentials: Annotated[dict[str, str] | None, SECRET] = Field(default=None, description=_CREDENTIALS)
    description: str | None = None
    logo: str | None = Field(default=None, description="Provider whose picture it shows; empty: its own's.")
    scopes: list[str] | None = Field(default=None, description=_SCOPES)
    hourly_limit: Limit | None = Field(default=None, description="Calls per hour; 0: no limit of its own.")
    daily_limit: Limit | None = Field(default=None, description="Calls per day; 0: no limit of its own.")
    metadata: dict[str, str] | None = Field(default=None, description=_METADATA)


class StatusIn(Body):
    """Whether calls go through it."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "INACTIVE"}})

    status: Literal["ACTIVE", "INACTIVE"] = Field(
        description="What it is then also depends on its credentials: see `status` and `status_reason` of the answer."
    )


class ConnectionOut(Out):
    """An OAuth grant. Its tokens are never returned."""

    state: Literal["connected", "needs_reconnect", "app_refused"] = Field(
        description="`app_refused`: the provider does not accept the app's client id or secret; it goes on by itself once"
        " they are right."
    )
    reason: str | None = Field(description="Why it does not work, if so.", examples=[None])
    account: str | None = Field(
        description="Whose account it is at the provider, if known.", examples=["ada"]
    )
    granted_scope: str | None = Field(description="As the provider wrote it.", examples=["repo"])
    expires_at: datetime | None = Field(description="When the access token ends; null: unknown.")
    grant_expires_at: datetime | None = Field(
        description="When the grant itself ends; null: unknown, or never."
    )
    refreshed_at: datetime = Field(description="When its tokens were last given.")
    last_refresh_error: str | None = Field(description="Why the last refresh failed, if so.", examples=[None])
    connected_at: datetime


class IntegrationOut(Out):
    """An integration and how it is doing. Its secrets are never returned."""

    id: str = Field(examples=[_ID])
    name: str = Field(examples=["Code host"])
    description: str = Field(examples=["Issues of support."])
    provider: str = Field(examples=["github"])
    type: IntegrationType
    logo: str | None = Field(description=_LOGO, examples=[None])
    auth_method: str = Field(description=_AUTH_METHOD, examples=["token"])
    config: dict[str, str] = Field(description=_CONFIG, examples=[{}])
    credentials: dict[str, str] = Field(
        description="Names of the stored secrets, with their values masked.", examples=[{"token": MASK}]
    )
    scopes: list[str] = Field(examples=[[]])
    hourly_limit: int | None = Field(examples=[1000])
    daily_limit: int | None = Field(examples=[None])
    is_public: bool = Field(description="Offered to the other teams of the installation.", examples=[False])
    source_id: str | None = Field(
        description="The public integration that it was made from.", examples=[None]
    )
    metadata: dict[str, str] = Field(description=_METADATA, examples=[{"owner": "support"}])
    status: Status
    status_reason: str = Field(examples=["The last call succeeded."])
    next_step: NextStep = Field(description="What a person can do about it; `none`: nothing is to be done.")
    next_step_note: str = Field(description="The same in words.", examples=[""])
    failing_since: datetime | None = Field(description="Since when every test and call has failed.")
    checked_at: datetime | None = Field(description="When its state was last found out by a test or a call.")
    connection: ConnectionOut | None = Field(description="Null where it has none.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, source: IntegrationRow, **named: Any) -> Self:
        """Return the integration with its secrets masked."""
        integration, report = source.integration, source.report
        return super().of(
            integration,
            type=source.provider.type,
            credentials=dict.fromkeys(stored_secrets(integration), MASK),
            metadata=integration.details,
            status=report.status,
            status_reason=report.reason,
            next_step=report.step,
            next_step_note=report.next_step,
            connection=ConnectionOut.of(integration.connection) if integration.connection else None,
            **named,
        )


class IntegrationList(Out):
    """Integrations, newest first."""

    data: list[IntegrationOut]
    next_cursor: str | None = Field(examples=[_ID])


class IntegrationPath(BaseModel):
    integration_id: str = Field(description="An integration id.", examples=[_ID])


class TestOut(Out):
    """What a test found: the real answer, without secrets."""

    __test__ = False

    succeeded: bool
    words: str = Field(
        description="What the success proves, or what went wrong.",
        examples=["The token is valid, and whose it is."],
    )
    advice: str = Field(description="What to do; empty after a success.", examples=[""])
    account: str | None = Field(
        description="Whose account it is, where the answer says it.", examples=["ada"]
    )
    tested_at: datetime
    method: str = Field(examples=["GET"])
    url: str = Field(examples=["https://api.github.com/user"])
    status_code: int | None = Field(description="Null: there was no answer.", examples=[200])
    total_ms: float | None = Field(examples=[184.2])
    headers: list[Pair] = Field(description="Of the answer, as [name, value], secrets masked.")
    body: str = Field(
        description="The beginning of the answer, secrets masked.", examples=['{"login": "ada"}']
    )
    is_body_cut: bool = Field(description="The answer was longer.", examples=[False])
    status: Status = Field(description="How the integration is doing now.")
    status_reason: str = Field(examples=["The last call succeeded."])
