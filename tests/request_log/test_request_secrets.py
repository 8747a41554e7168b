"""What a request sends in a secret field is neither stored nor logged, however it is refused.

The cases are made from the schemas of all routes: a new route with a secret field is covered once it marks it.
"""

import json
from collections.abc import Iterator
from typing import Any, get_type_hints

import pytest
from flask import Flask
from pydantic import BaseModel
from sqlalchemy import text
from structlog.testing import capture_logs

from app.extensions import db
from app.lib.redact import is_secret_name
from app.web.openapi.document import routes
from app.web.secret_fields import is_marked, models_in, secrets_of
from tests.api_client import Api
from tests.people import People
from tests.request_log.conftest import RequestLog

CANARY = "canary-Zq7"
#: Their names look secret, but what they hold is public.
PUBLIC_FIELDS = {"ListQuery.api_key_id"}


def request_models(app: Flask) -> Iterator[tuple[str, str, type[BaseModel]]]:
    """Return each schema that a route reads: method and rule, the place in the request, the schema."""
    for rule, view in routes(app):  # type: ignore[arg-type]
        hints = get_type_hints(view, include_extras=True)
        for place in ("body", "query", "path"):
            for model in models_in(hints.get(place)):
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                    yield f"{method} {rule.rule}", place, model


def with_canary(annotation: Any) -> Any:
    """Return a value of about this type that holds the canary wherever it can."""
    return {f"X-{CANARY}": CANARY} if "dict" in str(annotation) else CANARY


def refused_bodies(model: type[BaseModel]) -> Iterator[tuple[str, bytes]]:
    """Return bodies with the canary in every marked field, each refused for another reason."""
    secret = {
        name: with_canary(field.annotation) for name, field in model.model_fields.items() if is_marked(field)
    }
    wrong = {name: {"wrong": ["type"]} for name in model.model_fields.keys() - secret.keys()}
    whole = json.dumps({**wrong, **secret}).encode()
    yield "other fields are wrong", whole
    yield "unknown field", json.dumps({**secret, "unknown": 1}).encode()
    yield "misspelt name", json.dumps({f"{name}s": value for name, value in secret.items()}).encode()
    yield "wrong type", json.dumps({name: [1, {"a": value}] for name, value in secret.items()}).encode()
    yield "too long", json.dumps(dict.fromkeys(secret, CANARY * 1_000)).encode()
    yield "name and value in one", json.dumps({name: {f"X: {CANARY}": ""} for name in secret}).encode()
    yield "within another object", json.dumps({"body": secret}).encode()
    yield "a list", json.dumps([secret]).encode()
    yield "not JSON", whole.replace(b'"', b"'")
    yield "cut off", whole[:-2]
    yield "second document", whole + whole
    yield "larger than what is kept", json.dumps({**secret, "filler": "x" * 9_000}).encode()
    yield "larger than what is taken", json.dumps({**secret, "filler": "x" * 400_000}).encode()


def everything_stored(app: Flask) -> str:
    """Return all rows of the request log and the audit trail as one text."""
    with app.app_context(), db.engine.connect() as connection:
        rows = [
            connection.execute(text(f"SELECT * FROM {table}")).all()
            for table in ("logged_requests", "audit_entries")
        ]
    return repr(rows)


def test_secret_fields_of_refused_calls_are_neither_stored_nor_logged(
    people: People,
    api: Api,
    request_log: RequestLog,
    samples: dict[str, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    weak = Api(people.app, people.acme.id, people.alice.id, ["audit:read"])
    sent = 0
    with capture_logs() as logs:
        for operation, place, model in request_models(people.app):
            if place != "body" or not any(map(is_marked, model.model_fields.values())):
                continue
            method, _, rule = operation.partition(" ")
            path = rule.removeprefix("/api/v1").replace("<", "{").replace(">", "}").format_map(samples)
            for reason, body in refused_bodies(model):
                for caller in (api, weak):
                    assert caller(method, path, body).status_code >= 400, (operation, reason)
                    sent += 1
                    stored = f"{request_log.requests()[-1].__dict__}"
                    assert CANARY not in stored, (operation, reason, stored)

    assert sent >= 50
    assert len(request_log.requests()) >= sent * 0.9
    assert CANARY not in everything_stored(people.app)
    assert CANARY not in repr(logs)
    assert CANARY not in "".join(capfd.readouterr())


def test_secrets_that_pages_refuse_are_neither_stored_nor_logged(
    people: People, request_log: RequestLog, samples: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    names = ("password", "new_password", "current_password", "code", "token", "secret", "key")
    filled = {**dict.fromkeys(names, CANARY), "headers": f"X-Plain: {CANARY}\n{CANARY}"}
    statuses = {}
    with capture_logs() as logs:
        for rule in people.app.url_map.iter_rules():
            # Signing out would end what the other pages need.
            is_ending = "sign-out" in rule.rule or "end-all" in rule.rule
            if "POST" not in (rule.methods or ()) or rule.rule.startswith("/api/") or is_ending:
                continue
            path = rule.rule.replace("<", "{").replace(">", "}").format_map(samples)
            statuses[rule.rule] = people.alice.post(path, filled).status_code
            people.app.test_client().post(path, data=filled)

    assert statuses["/t/<team>/webhooks/new"] == 422
    assert CANARY not in everything_stored(people.app)
    assert CANARY not in repr(logs)
    assert CANARY not in "".join(capfd.readouterr())


def test_every_field_with_a_secret_name_is_marked(app: Flask) -> None:
    unmarked = {
        f"{model.__name__}.{name}"
        for _, _, model in request_models(app)
        for name, field in model.model_fields.items()
        if is_secret_name(name) and not is_marked(field)
    }

    assert unmarked == PUBLIC_FIELDS


def test_marked_fields_are_found_for_their_routes(app: Flask) -> None:
    marked = {
        f"{rule.rule} {name}"
        for rule, view in routes(app)  # type: ignore[arg-type]
        for name in secrets_of(view).body
    }

    assert {
        "/api/v1/webhooks headers",
        "/api/v1/webhooks/<webhook_id> headers",
        "/api/v1/keys/verify key",
    } <= marked


def test_description_says_that_marked_fields_are_never_returned(api: Api) -> None:
    schemas = api("GET", "/openapi.json").get_json()["components"]["schemas"]

    assert schemas["WebhookIn"]["properties"]["headers"]["writeOnly"] is True
    assert schemas["VerifyIn"]["properties"]["key"]["writeOnly"] is True
    assert "writeOnly" not in schemas["WebhookOut"]["properties"]["headers"]
