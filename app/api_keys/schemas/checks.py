"""Questions about keys: may this one be used, and would that call be allowed?"""

import ipaddress
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.api_keys.simulation import Check
from app.web.permissions import is_declared, scopes
from app.web.schemas import Body, Out
from app.web.secret_fields import SECRET

_KEY_ID = "key_01k9zq4w6v3m8t7c5x2b9d0r1s"
_MASKED = "sb_live_4fK9tQ2mZx7B_…"


def _check_scope(scope: str) -> str:
    # A misspelt scope would read as one that the key lacks.
    if not is_declared(scope):
        known = {"scopes": ", ".join(scopes())}
        raise PydanticCustomError("scope", "There is no such scope. The scopes are: {scopes}.", known)
    return scope


def _check_address(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        message = "Write an IP address, such as 203.0.113.7 or 2001:db8::7."
        raise PydanticCustomError("address", message) from None


class VerifyIn(Body):
    """A key that somebody showed to you."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"key": "sb_live_…", "scope": "reports:read", "address": "203.0.113.7"}}
    )

    key: Annotated[str, SECRET] = Field(max_length=500, description="The whole key.")
    scope: Annotated[str, AfterValidator(_check_scope)] | None = Field(
        default=None, description="Whether it may do this, too.", examples=["reports:read"]
    )
    address: Annotated[str, AfterValidator(_check_address)] | None = Field(
        default=None,
        description="The IP address that it came from, to be checked by the key's networks.",
        examples=["203.0.113.7"],
    )


class Verified(Out):
    """Whether the key may be used. Of a key that is not your team's, or not right, nothing is revealed."""

    valid: bool = Field(examples=[True])
    reason: Literal["valid", "unknown", "revoked", "expired", "replaced", "network", "scope"] = Field(
        description="`replaced`: it was regenerated and its grace has ended. `network`, `scope`: the key is fine, but"
        " not for this."
    )
    key_id: str | None = Field(examples=[_KEY_ID])
    name: str | None = Field(examples=["Orders service"])
    scopes: list[str] | None = Field(examples=[["reports:read"]])
    is_test: bool | None = Field(examples=[False])
    expires_at: datetime | None = Field(description="When it ends: by its expiry, or with its grace.")


class SimulationIn(Body):
    """A call to check."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"method": "POST", "path": "/api/v1/events", "address": "203.0.113.7"}}
    )

    method: str = Field(max_length=10, description="GET, POST, PUT, PATCH or DELETE.", examples=["POST"])
    path: str = Field(max_length=2000, description="As in the request line.", examples=["/api/v1/events"])
    address: str | None = Field(
        default=None,
        max_length=64,
        description="Where it comes from. Left out: where this request comes from.",
    )
    at: datetime | None = Field(default=None, description="When. Left out: now.")


class CheckOut(Out):
    """One rule."""

    rule: Literal["route", "key", "network", "limits", "scope"]
    outcome: Literal["passed", "failed", "unknown", "not_needed"]
    reason: str = Field(
        examples=["It needs events:write (emit events and retry deliveries), which the key has."]
    )

    @classmethod
    def of(cls, source: Check, **named: Any) -> Self:
        """Return the rule and what came of it."""
        return super().of(source, outcome=source.outcome.value, **named)


class SimulationOut(Out):
    """What would become of the call. Nothing was called, and nothing counted."""

    is_allowed: bool = Field(examples=[True])
    decided_by: str | None = Field(
        description="The first rule that refuses; null when none does.", examples=[None]
    )
    status: int | None = Field(description="The status that the refusal would have.", examples=[None])
    checks: list[CheckOut] = Field(description="Every rule, in the order of a real call.")
