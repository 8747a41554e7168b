"""What pages ask about API keys; always of one team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from app.accounts.models import User
from app.api_keys.models import ApiKey
from app.api_keys.tokens import masked
from app.extensions import db
from app.lib.errors import NotFound


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key as pages show it: without its secret, which nobody has."""

    id: str
    name: str
    masked: str
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str | None
    revoked_at: datetime | None


def keys_of_team(team_id: str) -> Sequence[ShownKey]:
    """Return the team's keys, those in use first, each part newest first."""
    rows = db.session.execute(_shown(team_id).order_by(ApiKey.id.desc()))
    keys = [_key(key, creator) for key, creator in rows]
    return sorted(keys, key=lambda key: key.revoked_at is not None)


def get_key(team_id: str, key_id: str) -> ShownKey:
    """Return a key of the team. Raises NotFound."""
    row = db.session.execute(_shown(team_id).where(ApiKey.id == key_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such API key in this team.")
    return _key(*row)


def _shown(team_id: str) -> Select[ApiKey, str]:
    return (
        select(ApiKey, User.name)
        .outerjoin(User, User.id == ApiKey.created_by_id)
        .where(ApiKey.team_id == team_id)
    )


def _key(key: ApiKey, creator: str | None) -> ShownKey:
    return ShownKey(
        id=key.id,
        name=key.name,
        masked=masked(key.kid),
        scopes=tuple(key.scopes),
        created_at=key.created_at,
        created_by=creator,
        revoked_at=key.revoked_at,
    )
