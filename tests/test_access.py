"""Every address of the app, asked by everybody who may not: found by walking the routes, so none is forgotten."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app.accounts.services import invitations
from app.api_keys import services as key_services
from app.audit.models import AuditEntry, LoggedRequest
from app.events.models import Event, EventType
from app.extensions import csrf, db
from app.lib.ids import new_id
from app.web.access import Access, access_of
from app.web.permissions import FULL, ROLE_PERMISSIONS, SCOPES, Role
from app.webhooks.models import Delivery, Webhook
from tests.people import People, Visitor

READING, WRITING = ("GET",), ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Address:
    """One method of one route, with real objects of team acme in its path."""

    method: str
    path: str
    endpoint: str
    access: Access

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.endpoint})"


@pytest.fixture
def samples(app: Flask, people: People) -> dict[str, str]:
    """Return a value for every parameter of every route; objects belong to acme and exist."""
    with app.app_context():
        team_id = people.acme.id
        invitation = invitations.invite(team_id, role=Role.MEMBER, email=None, actor_id=people.alice.id)
        key = key_services.create_key(team_id, "sample", scopes=["events:read"], granted_by=frozenset({FULL}))
        webhook = Webhook(
            team_id=team_id, name="Sample", url="https://example.com/", event_types=["*"], secret_sealed="x"
        )
        body = '{"id":"evt_x","type":"post.published","timestamp":"2026-01-01T00:00:00Z","data":{}}'
        event = Event(team_id=team_id, type="post.published", body=body, request_digest="x")
        own_type = EventType(team_id=team_id, name="sample.made", example={})
        entry = AuditEntry(
            team_id=team_id, actor_kind="system", actor_name="x", action="x.done", object_type="x"
        )
        logged = LoggedRequest(team_id=team_id, method="GET", path="/", status=200, duration_ms=1)
        db.session.add_all([webhook, event, own_type, entry, logged])
        db.session.flush()
        delivery = Delivery(
            team_id=team_id, event_id=event.id, webhook_id=webhook.id, event_type=event.type, state="failed"
        )
        db.session.add(delivery)
        db.session.flush()
        values = {
            "team": people.acme.slug,
            "slug": people.acme.slug,
            "token": invitation.token,
            "invitation_id": invitation.id,
            "user_id": people.mel.id,
            "key_id": key.id,
            "webhook_id": webhook.id,
            "event_id": event.id,
            "delivery_id": delivery.id,
            "attempt_id": new_id("att"),
            "entry_id": entry.id,
            "request_log_id": logged.id,
            "session_id": new_id("ses"),
            "account_id": new_id("oid"),
            "event_type": own_type.name,
            "name": own_type.name,
        }
        db.session.commit()
        db.session.remove()
    return values


def rules(app: Flask) -> Iterator[Rule]:
    return (rule for rule in app.url_map.iter_rules() if rule.endpoint != "static")


@pytest.fixture
def addresses(app: Flask, samples: dict[str, str]) -> list[Address]:
    """Return every method of every route."""
    found = []
    for rule in rules(app):
        unknown = rule.arguments - samples.keys()
        assert not unknown, f"{rule.rule}: add a sample for {sorted(unknown)} to the fixture `samples`"
        access = access_of(app.view_functions[rule.endpoint])
        assert access is not None, f"{rule.endpoint} has no mark"
        with app.test_request_context():
            path = app.url_map.bind("localhost").build(
                rule.endpoint, {name: samples[name] for name in rule.arguments}, append_unknown=False
            )
        found += [
            Address(method, path, rule.endpoint, access)
            for method in (*READING, *WRITING)
            if method in (rule.methods or ())
        ]
    return found


def test_every_view_has_a_mark(app: Flask) -> None:
    unmarked = [rule.endpoint for rule in rules(app) if access_of(app.view_functions[rule.endpoint]) is None]

    assert unmarked == [], "mark these with @public, @signed_in or @require(…) of app.web.access"


def test_team_pages_need_a_permission(app: Flask) -> None:
    for rule in rules(app):
        access = access_of(app.view_functions[rule.endpoint])
        if rule.rule.startswith("/t/<team>/"):
            assert access, rule.endpoint
            assert access.permission, f"{rule.endpoint} is below /t/<team>/ and asks for no permission"


def test_stranger_gets_404(people: People, addresses: list[Address]) -> None:
    wrong = _answers(addresses, lambda a: a.path.startswith("/t/"), _statuses(people.charlie.visitor), 404)

    assert wrong == []


def test_anonymous_is_sent_to_sign_in(people: People, addresses: list[Address]) -> None:
    visitor = people.anybody()
    data = {"csrf_token": visitor.csrf_token()}

    def location(address: Address) -> object:
        answer = visitor.client.open(address.path, method=address.method, data=data)
        return (answer.status_code, (answer.location or "").partition("?")[0])

    wrong = _answers(
        addresses,
        lambda a: not a.access.is_public and not a.path.startswith("/api/"),
        location,
        (303, "/sign-in"),
    )

    assert wrong == []


def test_api_without_a_key_gets_401(app: Flask, addresses: list[Address]) -> None:
    client = app.test_client()

    def answer(address: Address) -> object:
        response = client.open(address.path, method=address.method)
        return (response.status_code, response.content_type)

    wrong = _answers(
        addresses,
        lambda a: not a.access.is_public and a.path.startswith("/api/"),
        answer,
        (401, "application/problem+json"),
    )

    assert wrong == []


@pytest.mark.parametrize("role", list(Role))
def test_member_without_the_permission_gets_403(people: People, addresses: list[Address], role: Role) -> None:
    person = people.of_role(role)

    wrong = _answers(
        addresses,
        lambda a: a.path.startswith("/t/") and a.access.permission not in ROLE_PERMISSIONS[role],
        _statuses(person.visitor),
        403,
    )

    assert wrong == []


def test_key_without_the_scope_gets_403(app: Flask, people: People, addresses: list[Address]) -> None:
    client = app.test_client()
    keys: dict[str, str] = {}

    def status(address: Address) -> object:
        lacking = str(address.access.permission)
        if lacking not in keys:
            scopes = [scope for scope in SCOPES if scope not in (lacking, FULL)]
            with app.app_context():
                keys[lacking] = key_services.create_key(
                    people.acme.id, lacking, scopes=scopes, granted_by=frozenset({FULL})
                ).token
        headers = {"Authorization": f"Bearer {keys[lacking]}"}
        return client.open(address.path, method=address.method, headers=headers, json={}).status_code

    wrong = _answers(
        addresses, lambda a: a.path.startswith("/api/") and bool(a.access.permission), status, 403
    )

    assert wrong == []


def test_key_of_another_team_gets_404(
    app: Flask, people: People, addresses: list[Address], samples: dict[str, str]
) -> None:
    with app.app_context():
        token = key_services.create_key(
            people.other.id, "all", scopes=[FULL], granted_by=frozenset({FULL})
        ).token
    client = app.test_client()
    objects = {samples[name] for name in ("webhook_id", "event_id", "delivery_id", "event_type")}

    wrong = _answers(
        addresses,
        lambda a: (
            a.path.startswith("/api/") and a.method == "GET" and not objects.isdisjoint(a.path.split("/"))
        ),
        lambda a: (
            client.open(a.path, method=a.method, headers={"Authorization": f"Bearer {token}"}).status_code
        ),
        404,
    )

    assert wrong == []


def test_form_without_csrf_token_is_refused(app: Flask, people: People, addresses: list[Address]) -> None:
    client = people.alice.visitor.client
    exempt = [str(blueprint.url_prefix) for blueprint in csrf._exempt_blueprints]
    assert exempt, "the API takes no forms"
    assert all(prefix.startswith("/api/") for prefix in exempt)

    wrong = _answers(
        addresses,
        lambda a: a.method in WRITING and not a.path.startswith("/api/"),
        lambda a: client.open(a.path, method=a.method, data={"name": "x"}).status_code,
        400,
    )

    assert wrong == []


def test_owner_sees_every_page(people: People, addresses: list[Address]) -> None:
    """No page answers with an error of ours when the samples are shown to who may do everything."""
    wrong = []
    for address in addresses:
        if address.method != "GET" or not address.path.startswith("/t/"):
            continue
        status = people.alice.get(address.path).status_code
        if status >= 500:
            wrong.append(f"{address}: {status}")

    assert wrong == []


@pytest.mark.parametrize("hostile", ["%00", "%F0%9F%92%A3", "..%2f..", "x" * 3000, "' OR 1=1 --"])
def test_hostile_path_finds_nothing(
    people: People, app: Flask, samples: dict[str, str], addresses: list[Address], hostile: str
) -> None:
    with app.app_context():
        token = key_services.create_key(
            people.acme.id, "all", scopes=[FULL], granted_by=frozenset({FULL})
        ).token
    values = set(samples.values())
    wrong = []
    for address in addresses:
        parts = address.path.split("/")
        if address.method != "GET" or parts[-1] == samples["team"]:
            continue
        path = "/".join(hostile if part in values and part != samples["team"] else part for part in parts)
        headers = {"Authorization": f"Bearer {token}"} if path.startswith("/api/") else {}
        status = people.alice.get(path, headers=headers).status_code
        if path != address.path and status not in (200, 302, 303, 308, 400, 403, 404, 422):
            wrong.append(f"{address}: {status}")

    assert wrong == []


def _statuses(visitor: Visitor) -> Callable[[Address], object]:
    """Return what asks for an address with this visitor's cookies and CSRF token."""
    data = {"csrf_token": visitor.csrf_token()}

    def ask(address: Address) -> object:
        if address.method == "GET":
            return visitor.get(address.path).status_code
        return visitor.client.open(address.path, method=address.method, data=data).status_code

    return ask


def _answers(
    addresses: list[Address],
    is_meant: Callable[[Address], bool],
    ask: Callable[[Address], object],
    expected: object,
) -> list[str]:
    """Return the addresses that do not answer what is expected, with what they answer instead."""
    answers = [(address, ask(address)) for address in addresses if is_meant(address)]
    return [f"{address}: {answer}" for address, answer in answers if answer != expected]
