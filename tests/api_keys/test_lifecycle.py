"""Changes of a key: only what was meant changes, the trail records it, and the old state is not accepted afterwards."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.api_keys import queries, services
from app.api_keys.models import ApiKey, ApiKeyCaller
from app.api_keys.services import CreatedKey
from app.api_keys.tokens import kid_of, masked
from app.api_keys.verification.verifier import principal_of_key
from app.audit.models import AuditEntry
from app.extensions import db
from app.lib import clock
from app.lib.errors import AuthenticationFailed, AuthorizationFailed, Conflict, Invalid, NotFound
from app.web.permissions import FULL, Role, permissions_of
from tests.people import People
from tests.races import at_once

pytestmark = pytest.mark.postgresql

ALL = frozenset({FULL})


@pytest.fixture
def key(app: Flask, people: People) -> Iterator[CreatedKey]:
    with app.app_context():
        yield services.create_key(
            people.acme.id,
            "orders",
            scopes=["events:read", "events:write"],
            granted_by=ALL,
            expires_at=clock.now() + timedelta(days=30),
        )
        db.session.remove()


def row(key: CreatedKey) -> ApiKey:
    db.session.expire_all()
    return db.session.get_one(ApiKey, key.id)


def works(token: str) -> bool:
    try:
        principal_of_key(token)
    except AuthenticationFailed:
        return False
    finally:
        db.session.remove()
    return True


def trail(action: str) -> list[AuditEntry]:
    db.session.expire_all()
    return list(
        db.session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id))
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "renamed"},
        {"scopes": ["events:read"]},
        {"networks": ["10.0.0.0/8"]},
        {"per_hour": 5},
        {"per_day": 5},
        {"expires_at": None},
    ],
)
def test_change_leaves_the_rest(people: People, key: CreatedKey, changes: dict[str, Any]) -> None:
    before = {name: getattr(row(key), name) for name in services.SETTINGS}

    changed = services.change_key(people.acme.id, key.id, changes, granted_by=ALL)

    after = {name: getattr(row(key), name) for name in services.SETTINGS}
    assert after == before | changes
    assert changed.is_known_everywhere
    (entry,) = trail("api_key.updated")
    assert set(entry.changes or {}) == set(changes)
    assert entry.object_id == key.id


def test_change_that_changes_nothing_leaves_no_trace(people: People, key: CreatedKey) -> None:
    services.change_key(people.acme.id, key.id, {"name": " orders "}, granted_by=ALL)
    services.change_key(people.acme.id, key.id, {}, granted_by=ALL)

    assert row(key).version == 1
    assert trail("api_key.updated") == []


def test_change_counts_from_the_next_request_on(people: People, key: CreatedKey) -> None:
    assert principal_of_key(key.token).permissions == {"events:read", "events:write"}

    services.change_key(people.acme.id, key.id, {"scopes": ["events:read"]}, granted_by=ALL)
    assert principal_of_key(key.token).permissions == {"events:read"}
    services.change_key(people.acme.id, key.id, {"networks": ["10.0.0.0/8"]}, granted_by=ALL)
    with pytest.raises(AuthorizationFailed):
        principal_of_key(key.token)


def test_key_of_another_team_is_not_found(people: People, key: CreatedKey) -> None:
    team_id = people.other.id
    acts: list[Callable[[], object]] = [
        lambda: services.change_key(team_id, key.id, {"name": "mine"}, granted_by=ALL),
        lambda: services.revoke_key(team_id, key.id),
        lambda: services.regenerate_key(team_id, key.id, grace_s=0, granted_by=ALL),
        lambda: services.end_grace(team_id, key.id),
        lambda: queries.get_key(team_id, key.id),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()
        db.session.rollback()
    assert queries.callers_of(team_id, key.id) == []
    assert not any(hour.used for hour in queries.usage_of(team_id, key.id, days=1))
    assert works(key.token)


def test_revoked_key_stays_as_it_was(people: People, key: CreatedKey) -> None:
    services.revoke_key(people.acme.id, key.id)
    services.revoke_key(people.acme.id, key.id)

    for act in (
        lambda: services.change_key(people.acme.id, key.id, {"name": "x"}, granted_by=ALL),
        lambda: services.regenerate_key(people.acme.id, key.id, grace_s=0, granted_by=ALL),
    ):
        with pytest.raises(Conflict):
            act()
        db.session.rollback()
    assert len(trail("api_key.revoked")) == 1


def test_both_keys_work_during_the_grace(people: People, key: CreatedKey) -> None:
    newer = services.regenerate_key(people.acme.id, key.id, grace_s=3600, granted_by=ALL)

    assert newer.id == key.id
    assert works(key.token)
    assert works(newer.token)
    shown = queries.get_key(people.acme.id, key.id)
    assert shown.masked == masked(kid_of(newer.token) or "")
    assert shown.previous_masked == masked(kid_of(key.token) or "")

    ended = services.end_grace(people.acme.id, key.id)
    assert ended.is_known_everywhere
    assert not works(key.token)
    assert works(newer.token)
    assert queries.get_key(people.acme.id, key.id).previous_masked is None
    services.end_grace(people.acme.id, key.id)
    assert len(trail("api_key.grace_ended")) == 1
    (entry,) = trail("api_key.regenerated")
    assert "The old key works until" in (entry.detail or "")


def test_without_grace_the_old_key_ends_at_once(people: People, key: CreatedKey) -> None:
    assert works(key.token)
    newer = services.regenerate_key(people.acme.id, key.id, grace_s=0, granted_by=ALL)

    assert works(newer.token)
    with pytest.raises(AuthenticationFailed, match="was regenerated and the old one has ended"):
        principal_of_key(key.token)


def test_regenerating_again_ends_the_oldest_at_once(people: People, key: CreatedKey) -> None:
    second = services.regenerate_key(people.acme.id, key.id, grace_s=3600, granted_by=ALL)
    assert works(key.token)
    old_kid = kid_of(key.token) or ""
    db.session.add(
        ApiKeyCaller(
            kid=old_kid,
            fingerprint="x",
            api_key_id=key.id,
            address="203.0.113.7",
            user_agent="cron",
            first_seen_at=clock.now(),
            last_seen_at=clock.now(),
        )
    )
    db.session.commit()

    third = services.regenerate_key(people.acme.id, key.id, grace_s=3600, granted_by=ALL)

    assert [works(one.token) for one in (key, second, third)] == [False, True, True]
    assert queries.callers_of(people.acme.id, key.id) == []


def test_revoking_ends_the_old_key_too(people: People, key: CreatedKey) -> None:
    newer = services.regenerate_key(people.acme.id, key.id, grace_s=3600, granted_by=ALL)
    assert works(key.token)
    assert works(newer.token)

    services.revoke_key(people.acme.id, key.id)

    assert not works(key.token)
    assert not works(newer.token)


def test_regenerating_hands_nobody_a_scope_they_lack(people: People, key: CreatedKey) -> None:
    services.change_key(people.acme.id, key.id, {"scopes": [FULL]}, granted_by=ALL)

    with pytest.raises(AuthorizationFailed, match="admin:full, which you lack"):
        services.regenerate_key(people.acme.id, key.id, grace_s=0, granted_by=permissions_of(Role.ADMIN))
    db.session.rollback()
    assert works(key.token)


@pytest.mark.parametrize("grace_s", [-1, 30 * 86_400 + 1])
def test_grace_has_bounds(people: People, key: CreatedKey, grace_s: int) -> None:
    with pytest.raises(Invalid, match="from 0 to 2592000"):
        services.regenerate_key(people.acme.id, key.id, grace_s=grace_s, granted_by=ALL)


def test_test_key_stays_one(people: People, key: CreatedKey) -> None:
    made = services.create_key(people.acme.id, "t", scopes=["events:read"], granted_by=ALL, is_test=True)
    newer = services.regenerate_key(people.acme.id, made.id, grace_s=0, granted_by=ALL)

    assert made.token.startswith("sb_test_")
    assert newer.token.startswith("sb_test_")
    assert principal_of_key(newer.token).is_test


def test_trail_records_a_creation_without_its_secret(people: People, key: CreatedKey) -> None:
    newer = services.regenerate_key(people.acme.id, key.id, grace_s=0, granted_by=ALL)
    (entry,) = trail("api_key.created")

    assert entry.changes is not None
    assert entry.changes["scopes"] == [None, ["events:read", "events:write"]]
    assert entry.object_name == "orders"
    everything = "".join(str(vars(one)) for one in db.session.scalars(select(AuditEntry)))
    for token in (key.token, newer.token):
        assert token.split("_")[3] not in everything


def test_changes_at_once_all_stay(app: Flask, people: People, key: CreatedKey) -> None:
    db.session.rollback()
    changes: list[dict[str, Any]] = [
        {"name": "renamed"},
        {"per_hour": 7},
        {"per_day": 8},
        {"scopes": ["events:read"]},
    ]

    def change(values: dict[str, Any]) -> None:
        with app.app_context():
            services.change_key(people.acme.id, key.id, values, granted_by=ALL)
            db.session.remove()

    at_once([partial(change, values) for values in changes])

    after = row(key)
    assert (after.name, after.per_hour, after.per_day, after.scopes) == ("renamed", 7, 8, ["events:read"])
    assert after.version == 1 + len(changes)


def test_of_regenerations_at_once_two_keys_work(app: Flask, people: People, key: CreatedKey) -> None:
    assert works(key.token)

    def regenerate() -> str:
        with app.app_context():
            made = services.regenerate_key(people.acme.id, key.id, grace_s=3600, granted_by=ALL)
            db.session.remove()
            return made.token

    tokens = at_once([regenerate] * 4)

    assert sum(works(token) for token in tokens) == 2, "the newest, and the one before it in its grace"
    assert not works(key.token)
