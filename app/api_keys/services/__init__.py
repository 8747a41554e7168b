"""The use-cases of API keys. Each is one transaction, and bcrypt never runs inside one."""

from app.api_keys.services.keys import (
    GRACE_S_MAX,
    NAME_CHARS_MAX,
    ChangedKey,
    CreatedKey,
    change_key,
    create_key,
    end_grace,
    regenerate_key,
    revoke_key,
)

__all__ = [
    "GRACE_S_MAX",
    "NAME_CHARS_MAX",
    "ChangedKey",
    "CreatedKey",
    "change_key",
    "create_key",
    "end_grace",
    "regenerate_key",
    "revoke_key",
]
