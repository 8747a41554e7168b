"""What the API takes and returns for connections."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from app.web.schemas import Body, Out
from app.web.secret_fields import SECRET


class InitiatedOut(Out):
    """Where consent is given."""

    authorization_url: str = Field(
        description="To be opened in the browser of the person who consents.",
        examples=["https://github.com/login/oauth/authorize?response_type=code&client_id=…"],
    )
    state: str = Field(description="Stands in that address, too.", examples=["kSx1…"])
    redirect_uri: str = Field(examples=["https://signalbox.example.com/integrations/callback/github"])
    expires_at: datetime = Field(description="Until when it can be finished.")


class CallbackIn(Body):
    """What the provider added to the redirect address."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "…", "state": "…"}})

    code: Annotated[str, SECRET] = Field(max_length=4000, examples=["SplxlOBeZQQYbYS6WxSbIA"])
    state: Annotated[str, SECRET] = Field(max_length=200, examples=["kSx1…"])
    iss: str | None = Field(
        default=None, max_length=2000, description="Who sent the browser back (RFC 9207)."
    )
    parameters: Annotated[dict[str, str], SECRET] = Field(
        default_factory=dict,
        description="Every other parameter of the address; some providers sign them, or say in them where the account is.",
    )


class DisconnectedOut(Out):
    """What became of a connection."""

    is_revoked: bool = Field(description="The provider ended the grant.", examples=[True])
    at_provider: str = Field(
        description="What came of it there, and what is left to do by hand.",
        examples=["GitHub ended the grant."],
    )
    here: str = Field(examples=["The tokens were deleted here."])
