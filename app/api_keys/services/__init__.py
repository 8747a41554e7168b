"""The use-cases of API keys. Each is one transaction, and bcrypt never runs inside one."""

from app.api_keys.services.changes import ChangedKey
from app.api_keys.services.keys import SETTINGS, CreatedKey, change_key, create_key, key_version, revoke_key
from app.api_keys.services.reviews import keep_key
from app.api_keys.services.rotation import GRACE_S_MAX, end_grace, regenerate_key
from app.api_keys.services.validation import NAME_CHARS_MAX, lacking

__all__ = [
    "GRACE_S_MAX",
    "NAME_CHARS_MAX",
    "SETTINGS",
    "ChangedKey",
    "CreatedKey",
    "change_key",
    "create_key",
    "end_grace",
    "keep_key",
    "key_version",
    "lacking",
    "regenerate_key",
    "revoke_key",
]
