"""What a repetition returns instead of the secrets that only the first answer holds."""

from pydantic import BaseModel

from app.lib.redact import MASK
from app.web.schemas import secret_fields


def masks(model: type[BaseModel], object_id: str) -> dict[str, str]:
    """Return what replaces the secrets in an answer of this model: masks, and a `notice` that says what to do.

    `object_id` is the id that the answer gives to what was created. Nothing is returned for a model without secrets.
    """
    secrets = secret_fields(model)
    if not secrets:
        return {}
    notices = [
        f"The field {name} was in the first answer only. If you did not get it: "
        + mark.when_lost.replace("{id}", object_id)
        for name, mark in secrets.items()
    ]
    return {**dict.fromkeys(secrets, MASK), "notice": " ".join(notices)}
