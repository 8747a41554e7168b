"""Acts that cannot be taken back, in the browser: each asks first, names the key, and shows a new one once."""

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import select

from app.api_keys import services
from app.api_keys.services import CreatedKey
from app.audit.models import AuditEntry
from app.extensions import QUICK_REDIS, db
from app.web.permissions import FULL
from tests import slots
from tests.page import Page
from tests.people import People

INDEX = "/t/acme/api-keys/"


@pytest.fixture
def made(app: Flask, people: People) -> CreatedKey:
    with app.app_context():
        return services.create_key(
            people.acme.id, "orders", scopes=["events:read"], granted_by=frozenset({FULL})
        )


def works(app: Flask, token: str) -> bool:
    answer = app.test_client().get("/api/v1/events", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code != 401


def test_trail_names_who_did_it(app: Flask, people: People, made: CreatedKey) -> None:
    people.bob.post(f"{INDEX}{made.id}/revoke")

    with app.app_context():
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "api_key.revoked")).one()
        assert (entry.actor_kind, entry.actor_id) == ("user", people.bob.id)


def test_regenerating_asks_and_shows_the_key_once(
    app: Flask, people: People, page: Page, made: CreatedKey
) -> None:
    path = f"{INDEX}{made.id}"
    question = page.get(f"{path}/regenerate", people.bob)
    assert question.has_text("Regenerate API key orders?")
    page.fragment(f"{path}/regenerate", "regenerate-key", people.bob)
    assert [box.get("value") for box in question.all("input", name="grace_s")] == [
        "0",
        "3600",
        "86400",
        "604800",
    ]

    refused = page.read(people.bob.post(f"{path}/regenerate", {"grace_s": "forever"}))
    assert refused.status == 422
    assert people.bob.post(f"{path}/regenerate", {"grace_s": "3600"}).location == path
    first = people.bob.get(path)
    assert "no-store" in first.headers["Cache-Control"]
    token = page.read(first).by_id("api-key").get("value", "")
    assert works(app, token)
    assert works(app, made.token)

    again = page.get(path, people.bob)
    assert token not in again.html
    assert again.has_text("The old key still works")
    again_question = page.get(f"{path}/regenerate", people.bob)
    assert again_question.has_text("ends at once: it is the one from the regeneration before")
    ending = page.get(f"{path}/end-grace", people.bob)
    assert ending.has_text("End the old key of orders?")
    page.fragment(f"{path}/end-grace", "end-grace-key", people.bob)
    assert people.bob.post(f"{path}/end-grace").location == path
    assert not works(app, made.token)
    assert page.get(path, people.bob).has_text("The old key of orders has ended.")
    assert page.get(f"{path}/end-grace", people.bob).has_text("there is nothing to end")


def test_regenerating_is_limited_like_creating(people: People, made: CreatedKey) -> None:
    path = f"{INDEX}{made.id}/regenerate"
    statuses = [people.bob.post(path, {"grace_s": "0"}).status_code for _ in range(11)]

    assert statuses == [303] * 10 + [429]


def test_page_warns_when_redis_did_not_take_the_change(
    app: Flask, people: People, page: Page, made: CreatedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Redis.from_url("redis://127.0.0.1:1/0")
    visitor = people.bob.visitor
    token = visitor.csrf_token()
    slots.put(monkeypatch, app, QUICK_REDIS, gone)

    answer = visitor.client.post(f"{INDEX}{made.id}/revoke", data={"csrf_token": token})
    assert answer.status_code == 303
    shown = page.get(INDEX, visitor)

    assert shown.has_text("it takes effect everywhere within 5 minutes at the latest")


def test_regenerating_in_the_browser_hands_nobody_a_scope_they_lack(app: Flask, people: People) -> None:
    with app.app_context():
        full = services.create_key(people.acme.id, "all", scopes=[FULL], granted_by=frozenset({FULL}))
    path = f"{INDEX}{full.id}/regenerate"

    refused = people.bob.post(path, {"grace_s": "0"})

    assert refused.status_code == 403
    assert "admin:full, which you lack" in refused.get_data(as_text=True)
    assert works(app, full.token)
    assert people.alice.post(path, {"grace_s": "0"}).status_code == 303
