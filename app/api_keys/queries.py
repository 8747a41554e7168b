"""What pages and the API ask about API keys; always of one team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, func, or_, select

from app.accounts.models import Team, User
from app.api_keys.models import ApiKey, ApiKeyCaller, ApiKeyHour
from app.api_keys.rules import EXPIRY_WARNING_DAYS, KeyState, is_expiring, state_of
from app.api_keys.tokens import LIVE_PREFIX, TEST_PREFIX, masked
from app.db.pages import Condition
from app.extensions import current_settings, db
from app.lib import clock
from app.lib.errors import NotFound
from app.lib.ids import is_id
from app.web.limits import Policy, key_day, key_hour, team_hour
from app.web.lists import ChoiceFilter, FlagFilter, ListSpec, Search, SearchFilter

USES_HOURS = 24
_CALLERS_MAX = 200

#: What lists can be filtered by: the states, and what needs attention before it becomes one.
STATES: dict[str, str] = {
    "active": "Active",
    "expiring": "Expiring soon",
    "grace": "Old key in grace",
    "review": "To review",
    "expired": "Expired",
    "revoked": "Revoked",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that used a key in its grace."""

    address: str
    user_agent: str
    used_count: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class HourOfUse:
    """One hour of a key: uses, and refusals by its limits."""

    hour: datetime
    used: int
    refused: int


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key as pages and the API show it: without its secret, which is not stored."""

    id: str
    name: str
    masked: str
    is_test: bool
    state: KeyState
    #: It works, and ends within EXPIRY_WARNING_DAYS.
    is_expiring: bool
    expires_at: datetime | None
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    per_hour: int
    per_day: int
    used_count: int
    #: Uses within the last USES_HOURS, by whole hours.
    used_lately: int
    last_used_at: datetime | None
    last_address: str | None
    created_at: datetime
    created_by: str | None
    changed_at: datetime
    revoked_at: datetime | None
    #: Since when it waits for somebody to keep or revoke it, and why.
    review_since: datetime | None
    review_reason: str | None
    #: The key before, while it still works.
    previous_masked: str | None
    previous_ends_at: datetime | None

    @property
    def days_left(self) -> int | None:
        """How many whole days it still works; None for ever."""
        return None if self.expires_at is None else max(0, (self.expires_at - clock.now()).days)


def get_key(team_id: str, key_id: str) -> ShownKey:
    """Return a key of the team. Raises NotFound."""
    row = None
    if is_id(key_id, "key"):
        row = db.session.execute(_shown(team_id).where(ApiKey.id == key_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such API key in this team.")
    return _key(*row)


def has_keys(team_id: str) -> bool:
    """Return whether the team has any key, whatever its state."""
    return db.session.scalar(select(ApiKey.id).where(ApiKey.team_id == team_id).limit(1)) is not None


def usage_of(team_id: str, key_id: str, *, days: int) -> list[HourOfUse]:
    """Return every hour of the last so many days, the oldest first, those without use as zeros."""
    last = clock.now().replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(days=days) + timedelta(hours=1)
    rows = db.session.execute(
        select(ApiKeyHour.hour, ApiKeyHour.used, ApiKeyHour.refused).where(
            ApiKeyHour.team_id == team_id, ApiKeyHour.api_key_id == key_id, ApiKeyHour.hour >= first
        )
    )
    found = {row.hour: HourOfUse(row.hour, row.used, row.refused) for row in rows}
    hours = [first + timedelta(hours=index) for index in range(days * 24)]
    return [found.get(hour) or HourOfUse(hour, 0, 0) for hour in hours]


def callers_of(team_id: str, key_id: str) -> Sequence[Caller]:
    """Return who used the old key since the regeneration, the latest first, up to 200."""
    rows = db.session.execute(
        select(
            ApiKeyCaller.address,
            ApiKeyCaller.user_agent,
            ApiKeyCaller.used_count,
            ApiKeyCaller.first_seen_at,
            ApiKeyCaller.last_seen_at,
        )
        .join(ApiKey, and_(ApiKey.id == ApiKeyCaller.api_key_id, ApiKey.previous_kid == ApiKeyCaller.kid))
        .where(ApiKey.team_id == team_id, ApiKey.id == key_id)
        .order_by(ApiKeyCaller.last_seen_at.desc(), ApiKeyCaller.fingerprint)
        .limit(_CALLERS_MAX)
    )
    return [Caller(*row) for row in rows]


def policies_of(team_id: str, key: ShownKey) -> list[Policy]:
    """Return the limits of a call with this key: its own and its team's."""
    tier, per_hour = db.session.execute(select(Team.tier, Team.per_hour).where(Team.id == team_id)).one()
    return [
        key_hour(key.id, key.per_hour),
        key_day(key.id, key.per_day),
        team_hour(team_id, per_hour or current_settings().requests_per_hour(tier)),
    ]


def _shown(team_id: str) -> Select[ApiKey, str, int]:
    lately = (
        select(func.coalesce(func.sum(ApiKeyHour.used), 0))
        .where(
            ApiKeyHour.api_key_id == ApiKey.id, ApiKeyHour.hour > clock.now() - timedelta(hours=USES_HOURS)
        )
        .correlate(ApiKey)
        .scalar_subquery()
    )
    return (
        select(ApiKey, User.name, lately)
        .outerjoin(User, User.id == ApiKey.created_by_id)
        .where(ApiKey.team_id == team_id)
    )


def works() -> Condition:
    """Return what holds for every key that works."""
    has_time = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > clock.now())
    return and_(ApiKey.revoked_at.is_(None), has_time)


def _state(_search: Search, state: str) -> Condition:
    now = clock.now()
    by_state: dict[str, Condition] = {
        "active": works(),
        "expiring": and_(works(), ApiKey.expires_at <= now + timedelta(days=EXPIRY_WARNING_DAYS)),
        "grace": and_(works(), ApiKey.previous_ends_at > now),
        "review": and_(works(), ApiKey.review_since.is_not(None)),
        "expired": and_(ApiKey.revoked_at.is_(None), ApiKey.expires_at <= now),
        "revoked": ApiKey.revoked_at.is_not(None),
    }
    return by_state[state]


def _text(_search: Search, text: str) -> Condition:
    kid = text.removeprefix(LIVE_PREFIX).removeprefix(TEST_PREFIX).partition("_")[0]
    return or_(
        ApiKey.name.icontains(text, autoescape=True),
        ApiKey.kid == kid,
        ApiKey.previous_kid == kid,
        ApiKey.id == text,
    )


def _key(key: ApiKey, creator: str | None, used_lately: int) -> ShownKey:
    now = clock.now()
    state = state_of(revoked_at=key.revoked_at, expires_at=key.expires_at, now=now)
    has_grace = state is KeyState.ACTIVE and key.previous_ends_at is not None and key.previous_ends_at > now
    return ShownKey(
        id=key.id,
        name=key.name,
        masked=masked(key.kid, is_test=key.is_test),
        is_test=key.is_test,
        state=state,
        is_expiring=state is KeyState.ACTIVE and is_expiring(key.expires_at, now),
        expires_at=key.expires_at,
        scopes=tuple(key.scopes),
        networks=tuple(key.networks),
        per_hour=key.per_hour,
        per_day=key.per_day,
        used_count=key.used_count,
        used_lately=int(used_lately),
        last_used_at=key.last_used_at,
        last_address=key.last_address,
        created_at=key.created_at,
        created_by=creator,
        changed_at=key.changed_at,
        revoked_at=key.revoked_at,
        review_since=key.review_since if key.revoked_at is None else None,
        review_reason=key.review_reason if key.revoked_at is None else None,
        previous_masked=masked(key.previous_kid, is_test=key.is_test)
        if has_grace and key.previous_kid
        else None,
        previous_ends_at=key.previous_ends_at if has_grace else None,
    )


KEYS = ListSpec[ShownKey](
    key=ApiKey.id,
    prefix="key",
    thing="an API key",
    scope=lambda team_id: (ApiKey.team_id == team_id,),
    rows=lambda search: _shown(search.team_id),
    shape=lambda _search, rows: [_key(*row) for row in rows],
    filters=(
        SearchFilter(
            condition=_text,
            chars_max=100,
            placeholder="Name, or sb_live_…",
            description="Part of the name, or the beginning of the key as it is shown.",
        ),
        ChoiceFilter(
            field="state",
            label="State",
            choices=list(STATES.items()),
            condition=_state,
            description="`expiring`: active, and ends within a week. `grace`: active, and the key before it still"
            " works. `review`: active, and waits to be kept or revoked.",
        ),
        FlagFilter(
            field="is_test",
            page_field="kind",
            label="Kind",
            words=(("live", "Live"), ("test", "Test")),
            column=ApiKey.is_test,
            description="Only keys for tests, or only live ones.",
        ),
    ),
)
