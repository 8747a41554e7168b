"""Who loses their rights while a key is being made, or an invitation, gets neither."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.accounts.models import Invitation
from app.api_keys import services
from app.api_keys.models import ApiKey
from app.api_keys.services import CreatedKey
from app.extensions import db
from app.lib import passwords
from app.web.permissions import FULL
from tests.people import People

KEY = {"name": "late", "scopes": ["events:read"], "expiry": "30", "per_hour": "5", "per_day": "5"}


def key_of(app: Flask, people: People, *scopes: str) -> CreatedKey:
    with app.app_context():
        return services.create_key(people.acme.id, "k", scopes=scopes, granted_by=frozenset({FULL}))


def count(app: Flask, model: type[ApiKey] | type[Invitation]) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Return what has something done, to its end, while the next key is being hashed."""
    hash_secret = passwords.hash_secret

    def arrange(act: Callable[[], object]) -> None:
        def hash_meanwhile(secret: str, *, rounds: int) -> str:
            monkeypatch.setattr(passwords, "hash_secret", hash_secret)
            # A thread, as another request has its own.
            thread = threading.Thread(target=act)
            thread.start()
            thread.join()
            return hash_secret(secret, rounds=rounds)

        monkeypatch.setattr(passwords, "hash_secret", hash_meanwhile)

    return arrange


Meanwhile = Callable[[Callable[[], object]], None]


def removing(people: People) -> Callable[[], TestResponse]:
    alice = people.alice.visitor
    path = f"/t/acme/members/{people.bob.id}/remove"
    form = {"csrf_token": alice.csrf_token()}
    return lambda: alice.client.post(path, data=form)


def test_member_who_is_removed_while_their_key_is_hashed_gets_none(
    app: Flask, people: People, meanwhile: Meanwhile
) -> None:
    people.bob.get("/t/acme/")
    meanwhile(removing(people))

    assert people.bob.post("/t/acme/api-keys/new", KEY).status_code == 403

    assert count(app, ApiKey) == 0


def test_key_that_is_revoked_while_it_makes_another_makes_none(
    app: Flask, people: People, meanwhile: Meanwhile
) -> None:
    key = key_of(app, people, "keys:manage", "events:read")
    alice = people.alice.visitor
    form = {"csrf_token": alice.csrf_token()}
    meanwhile(lambda: alice.client.post(f"/t/acme/api-keys/{key.id}/revoke", data=form))

    answer = app.test_client().post(
        "/api/v1/keys",
        json={"name": "late", "scopes": ["events:read"]},
        headers={"Authorization": f"Bearer {key.token}"},
    )

    assert answer.status_code == 403
    assert count(app, ApiKey) == 1


def test_member_who_is_removed_while_they_regenerate_gets_no_secret(
    app: Flask, people: People, meanwhile: Meanwhile
) -> None:
    key = key_of(app, people, "events:read")
    people.bob.get("/t/acme/")
    meanwhile(removing(people))

    assert people.bob.post(f"/t/acme/api-keys/{key.id}/regenerate", {"grace_s": "0"}).status_code == 403

    headers = {"Authorization": f"Bearer {key.token}"}
    assert app.test_client().get("/api/v1/events", headers=headers).status_code == 200
