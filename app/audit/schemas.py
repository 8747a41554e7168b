"""What the API returns of the audit trail."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.web.schemas import Out


class EntryPath(BaseModel):
    entry_id: str = Field(description="The id of an entry.")


class EntryOut(Out):
    """One act: who did what to which object, from where."""

    id: str = Field(examples=["aud_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    created_at: datetime
    actor_kind: Literal["user", "api_key", "operator", "system"] = Field(
        description="operator: the command line; system: Signalbox itself."
    )
    actor_id: str | None
    actor_name: str = Field(examples=["Ada"])
    action: str = Field(examples=["webhook.updated"])
    object_type: str = Field(examples=["webhook"])
    object_id: str | None = Field(examples=["wh_01k9zq4w6v3m8t7c5x2b9d0r1s"])
    object_name: str | None = Field(description="What it was called then.", examples=["Order desk"])
    changes: dict[str, list[Any]] | None = Field(
        description="By field: before and after. Secrets are masked.", examples=[{"timeout_s": [15, 30]}]
    )
    detail: str | None
    address: str | None = Field(description="The network address that it came from.", examples=["192.0.2.7"])
    request_id: str | None


class EntryList(Out):
    """Entries, newest first."""

    data: list[EntryOut]
    next_cursor: str | None
    searched_back_to: datetime | None = Field(
        description="Set when the search stopped at its bound: ask with `next_cursor` to search further back."
    )
