"""The blueprint of these pages, and the texts that several of them share."""

from app.api_keys.services import ChangedKey, CreatedKey
from app.api_keys.verification.key_cache import ENTRY_S
from app.web.schemes import Pages

api_keys = Pages("api_keys", __name__, url_prefix="/t/<team>/api-keys")


def effect_of(changed: ChangedKey | CreatedKey) -> str:
    """Return from when a change counts, for people."""
    if changed.is_known_everywhere:
        return "It counts from the next request on."
    return (
        "It is stored, but Redis does not answer: it takes effect everywhere within"
        f" {ENTRY_S // 60} minutes at the latest."
    )
