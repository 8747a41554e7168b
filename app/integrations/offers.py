"""What a team offers to the other teams of the installation when it publishes an integration. Pure.

An offer is a copy: what the team changes afterwards travels only when it publishes again. Secrets and connections are
never part of it, nor are the team's own notes.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from app.integrations.models import Integration
from app.integrations.spec import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The settings that travel. `config` holds the answers that the team has chosen to share, by name."""

    name: str
    description: str
    logo: str | None
    auth_method: str
    scopes: list[str]
    hourly_limit: int | None
    daily_limit: int | None
    config: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, integration: Integration, shared: Collection[str]) -> Self:
        """Return what an integration offers as it is now; `shared` names the answers that travel."""
        return cls(
            name=integration.name,
            description=integration.description,
            logo=integration.logo,
            auth_method=integration.auth_method,
            scopes=list(integration.scopes),
            hourly_limit=integration.hourly_limit,
            daily_limit=integration.daily_limit,
            config={name: value for name, value in integration.config.items() if name in shared},
        )

    @classmethod
    def stored(cls, stored: dict[str, Any]) -> Self:
        """Return the offer that `as_stored` returned."""
        return cls(**stored)

    def as_stored(self) -> dict[str, Any]:
        """Return the offer as a JSON object."""
        return asdict(self)


def shareable_fields(fields: Collection[Field], integration: Integration) -> list[Field]:
    """Return the fields whose answers can travel: those that are answered, and are no secrets."""
    return [asked for asked in fields if asked.kind != "secret" and asked.name in integration.config]
