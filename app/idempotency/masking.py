"""What a repetition returns instead of the secrets that only the first answer holds."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from app.lib.redact import MASK
from app.web.schemas import secret_fields


def masked(model: type[BaseModel], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer `body` of this model with its secrets masked, and a `notice` that says what to do."""
    secrets = secret_fields(model)
    if not secrets:
        return dict(body)
    notices = [
        f"The field {name} was in the first answer only. If you did not get it: "
        + mark.when_lost.replace("{id}", str(body["id"]))
        for name, mark in secrets.items()
    ]
    return {**body, **dict.fromkeys(secrets, MASK), "notice": " ".join(notices)}
