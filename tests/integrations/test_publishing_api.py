"""Publishing over the API."""

from typing import Any

import pytest
from flask import Flask

from tests.api_client import Api
from tests.people import People

SECRET = "s3cret-of-the-desk"


@pytest.fixture
def acme(app: Flask, people: People) -> Api:
    return Api(app, people.acme.id, people.alice.id, ["integrations:read", "integrations:write"])


@pytest.fixture
def other(app: Flask, people: People) -> Api:
    return Api(app, people.other.id, people.charlie.id, ["integrations:read", "integrations:write"])


@pytest.fixture
def desk(acme: Api) -> str:
    body: dict[str, Any] = {
        "provider": "rest",
        "name": "Help desk",
        "auth_method": "bearer",
        "config": {"base_url": "https://desk.example.com/api", "check_path": "/me"},
        "credentials": {"token": SECRET},
        "metadata": {"owner": "support"},
    }
    answer = acme("POST", "/integrations", body)
    assert answer.status_code == 201
    return str(answer.get_json()["id"])


def test_an_integration_is_published_used_and_taken_back(acme: Api, other: Api, desk: str) -> None:
    before = acme("GET", f"/integrations/{desk}/published").get_json()
    assert (before["is_public"], before["offer"]) == (False, None)
    published = acme("PUT", f"/integrations/{desk}/published", {"config": ["base_url"]})
    assert published.status_code == 200
    offered = published.get_json()["offer"]
    assert offered["config"] == {"base_url": "https://desk.example.com/api"}
    assert SECRET not in published.get_data(as_text=True)

    (found,) = other("GET", "/integrations/published").get_json()["data"]
    assert (found["id"], found["offer"]) == (desk, offered)
    made = other(
        "POST", f"/integrations/published/{desk}/set-up", {}, headers={"Idempotency-Key": "once"}
    ).get_json()
    assert (made["source_id"], made["status"]) == (desk, "PENDING_SETUP")
    again = other("POST", f"/integrations/published/{desk}/set-up", {}, headers={"Idempotency-Key": "once"})
    assert again.get_json()["id"] == made["id"]
    complete = other(
        "POST", f"/integrations/published/{desk}/set-up", {"credentials": {"token": "of our own"}}
    ).get_json()
    assert complete["status"] == "ACTIVE"
    users = acme("GET", f"/integrations/{desk}/published").get_json()["users"]
    assert users["integration_count"] == 2
    assert len(users["team_names"]) == 1

    assert acme("DELETE", f"/integrations/{desk}/published").status_code == 204
    assert other("GET", "/integrations/published").get_json()["data"] == []
    assert other("POST", f"/integrations/published/{desk}/set-up", {}).status_code == 404
    assert other("GET", f"/integrations/{made['id']}").status_code == 200


def test_what_cannot_travel_is_named(acme: Api, desk: str) -> None:
    answer = acme("PUT", f"/integrations/{desk}/published", {"config": ["token"]})
    assert answer.status_code == 422
    assert "base_url" in answer.get_json()["errors"][0]["message"]


def test_another_teams_integration_is_not_published(other: Api, desk: str) -> None:
    assert other("PUT", f"/integrations/{desk}/published", {}).status_code == 404
    assert other("DELETE", f"/integrations/{desk}/published").status_code == 404
    assert other("GET", f"/integrations/{desk}/published").status_code == 404
