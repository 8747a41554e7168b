"""Calls to `/api/v1` with an API key of its own."""

from collections.abc import Sequence
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.api_keys.services import create_key
from app.extensions import db
from app.web.permissions import FULL
from tests.people import People


class Api:
    """A client with an API key. Answers are JSON."""

    def __init__(self, app: Flask, team_id: str, user_id: str, scopes: Sequence[str]) -> None:
        self.app = app
        with app.app_context():
            created = create_key(
                team_id,
                "tests",
                scopes=list(scopes),
                granted_by=frozenset({FULL}),
                created_by_id=user_id,
            )
            db.session.remove()
        self._headers = {"Authorization": f"Bearer {created.token}"}

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        headers = {**self._headers, **options.pop("headers", {})}
        if isinstance(body, bytes):
            options |= {"data": body, "content_type": "application/json"}
        elif body is not None:
            options["json"] = body
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **options)

    def emit(self, event_type: str = "post.published", data: Any = None, **fields: Any) -> TestResponse:
        """Emit an event."""
        return self("POST", "/events", {"type": event_type, "data": data or {"n": 1}, **fields})

    def new_webhook(self, **fields: Any) -> dict[str, Any]:
        """Create a webhook and return it."""
        answer = self("POST", "/webhooks", {**WEBHOOK, **fields})
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return dict(answer.get_json())


WEBHOOK: dict[str, Any] = {
    "name": "Order desk",
    "url": "https://orders.example.com/hooks",
    "event_types": ["post.*"],
}


def messages(answer: TestResponse) -> dict[str, str]:
    """Return the messages of a problem by field; several of one field joined."""
    assert answer.content_type == "application/problem+json", answer.get_data(as_text=True)
    joined: dict[str, str] = {}
    for error in answer.get_json().get("errors", []):
        joined[error["field"]] = f"{joined.get(error['field'], '')} {error['message']}".strip()
    return joined


@pytest.fixture
def api(people: People) -> Api:
    """Return a client that may do everything in team acme."""
    return Api(people.app, people.acme.id, people.alice.id, ["admin:full"])


@pytest.fixture
def other_api(people: People) -> Api:
    """Return a client of another team."""
    return Api(people.app, people.other.id, people.charlie.id, ["admin:full"])
