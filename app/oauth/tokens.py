"""What a token endpoint answers. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

import orjson

#: Longer than any provider's token lives; a longer lifetime counts as unknown.
_LIFETIME_MAX_S = 10 * 365 * 86_400
_OWN_FIELDS = frozenset({"access_token", "token_type", "refresh_token", "expires_in", "scope"})


@dataclass(frozen=True, slots=True)
class TokenSet:
    """An access token and what came with it. Secrets are left out of its repr."""

    access_token: str = field(repr=False)
    token_type: str
    refresh_token: str | None = field(default=None, repr=False)
    #: None: unknown, which does not mean never.
    expires_at: datetime | None = None
    scope: str | None = None
    #: Every other field of the answer, such as `id_token` or the address of the provider's API.
    extras: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, answer: Mapping[str, Any], *, asked_at: datetime, lifetime_s: int | None = None) -> Self:
        """Read the JSON object of an answer (RFC 6749 §5.1) to a request of `asked_at`.

        `lifetime_s` counts where the answer's is missing, zero or not a number; without it `expires_at` is unknown.
        Raises ValueError without an access token, and for one of a type that is used otherwise than as a bearer's
        (RFC 6749 §7.1).
        """
        access_token = answer.get("access_token")
        if not isinstance(access_token, str) or not access_token:
            raise ValueError("the answer holds no access token")
        token_type = _text(answer.get("token_type")) or "Bearer"
        if token_type.lower() != "bearer":
            raise ValueError(f"the access token is of the type {token_type[:40]}, which cannot be used")
        lifetime_s = _lifetime_s(answer.get("expires_in")) or lifetime_s
        return cls(
            access_token,
            token_type,
            _text(answer.get("refresh_token")),
            asked_at + timedelta(seconds=lifetime_s) if lifetime_s else None,
            _text(answer.get("scope")),
            {name: value for name, value in answer.items() if name not in _OWN_FIELDS},
        )

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Return the set that `to_json` wrote."""
        values = orjson.loads(text)
        expires_at = values.pop("expires_at")
        return cls(**values, expires_at=datetime.fromisoformat(expires_at) if expires_at else None)

    def to_json(self) -> bytes:
        """Return the set as JSON, secrets included: to be sealed."""
        return orjson.dumps(asdict(self))

    def merged_into(self, earlier: "TokenSet") -> "TokenSet":
        """Return these tokens with what the provider left out because it still holds (RFC 6749 §6).

        Refresh token, scope and extras of the earlier set stay unless there are new ones; an expiry does not.
        """
        return replace(
            self,
            refresh_token=self.refresh_token or earlier.refresh_token,
            scope=self.scope if self.scope is not None else earlier.scope,
            extras={**earlier.extras, **self.extras},
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _lifetime_s(value: object) -> int | None:
    """Return a lifetime in seconds, also from a string of digits, as some providers write it."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LIFETIME_MAX_S:
        return None
    return int(value)
