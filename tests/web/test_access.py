"""Every address of the app, called by every kind of visitor: found by walking the routes, so that none is missing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.api_keys.services import create_key
from app.extensions import csrf
from app.web.access import Access, access_of
from app.web.permissions import FULL, Role, permissions_of, scopes
from tests.api_keys import keys
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


def rules(app: Flask) -> Iterator[Rule]:
    return (rule for rule in app.url_map.iter_rules() if rule.endpoint != "static")


@pytest.fixture
def addresses(app: Flask, samples: dict[str, str]) -> list[Address]:
    """Return every method of every route."""
    found = []
    for rule in rules(app):
        unknown = rule.arguments - samples.keys()
        assert not unknown, (
            f"{rule.rule}: add {sorted(unknown)} to the samples.py beside the tests of its feature"
        )
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


@pytest.mark.postgresql
@pytest.mark.parametrize("who", ["anonymous", "stranger", "viewer", "member", "admin", "owner"])
def test_pages_answer_people_by_their_role(people: People, addresses: list[Address], who: str) -> None:
    visitor = _visitor(people, who)
    data = {"csrf_token": visitor.csrf_token()}

    def ask(address: Address) -> object:
        options: dict[str, Any] = {} if address.method == "GET" else {"data": data}
        return _outcome(visitor.client.open(address.path, method=address.method, **options), address)

    wrong = _wrong_cells(who, addresses, ask, lambda address: _expected_of_person(address, who))

    assert not wrong, "\n".join(wrong)


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "who",
    [
        "no key",
        "session",
        "revoked",
        "expired",
        "other network",
        "lacks the scope",
        "has the scope",
        "other team",
    ],
)
def test_api_answers_keys_by_their_scopes(
    app: Flask, people: People, addresses: list[Address], samples: dict[str, str], who: str
) -> None:
    client = people.alice.visitor.client if who == "session" else app.test_client()
    token_for = _tokens(app, people, who)

    def ask(address: Address) -> object:
        token = token_for(address)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        options: dict[str, Any] = {} if address.method in ("GET", "DELETE") else {"json": {}}
        return _outcome(client.open(address.path, method=address.method, headers=headers, **options), address)

    objects = set(samples.values())
    wrong = _wrong_cells(who, addresses, ask, lambda address: _expected_of_key(address, who, objects))

    assert not wrong, "\n".join(wrong)


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


@pytest.mark.postgresql
@pytest.mark.parametrize("hostile", ["%00", "%F0%9F%92%A3", "..%2f..", "x" * 3000, "' OR 1=1 --"])
def test_hostile_path_finds_nothing(
    people: People, app: Flask, samples: dict[str, str], addresses: list[Address], hostile: str
) -> None:
    with app.app_context():
        token = create_key(people.acme.id, "all", scopes=[FULL], granted_by=frozenset({FULL})).token
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


ALLOWED, SIGN_IN = "allowed", "sign-in"
#: Pages inside a team that need a query to find something.
MAY_MISS = {"teams.confirm_transfer"}


def _visitor(people: People, who: str) -> Visitor:
    if who == "anonymous":
        return people.anybody()
    return people.charlie.visitor if who == "stranger" else people.of_role(Role(who)).visitor


def _outcome(answer: TestResponse, address: Address) -> object:
    """Return what access decided: allowed, sent to sign in, or the status of the refusal."""
    status = answer.status_code
    if status == 303 and (answer.location or "").startswith("/sign-in"):
        return SIGN_IN
    if address.path.startswith("/api/v1/") and status >= 400:
        assert answer.content_type == "application/problem+json", f"{address}: {answer.content_type}"
    if address.method == "GET":
        return ALLOWED if status < 400 else status
    # The input is arbitrary, and refused as such.
    return ALLOWED if status < 500 and status not in (401, 403, 404) else status


def _expected_of_person(address: Address, who: str) -> object:
    if address.access.is_public or address.path.startswith("/api/"):
        return None
    if who == "anonymous":
        return SIGN_IN
    if address.access.permission is None:
        return ALLOWED if address.method == "GET" else None
    if who == "stranger":
        return 404
    return ALLOWED if address.access.permission in permissions_of(Role(who)) else 403


def _expected_of_key(address: Address, who: str, objects: set[str]) -> object:
    if address.access.is_public or not address.path.startswith("/api/"):
        return None
    if who in ("no key", "session", "revoked", "expired"):
        return 401
    if who == "other network":
        return 403
    if who == "lacks the scope":
        return 403 if address.access.permission else ALLOWED
    if who == "other team":
        is_about_object = not objects.isdisjoint(address.path.split("/"))
        return 404 if is_about_object and address.method == "GET" else None
    return ALLOWED


def _tokens(app: Flask, people: People, who: str) -> Callable[[Address], str | None]:
    """Return what gives the key that `who` calls an address with."""
    team_id = people.acme.id
    fixed: dict[str, Callable[[], str]] = {
        "revoked": lambda: keys.revoked_key(app, team_id),
        "expired": lambda: keys.expired_key(app, team_id),
        "other network": lambda: keys.key_of_another_network(app, team_id),
        "other team": lambda: keys.new_key(app, people.other.id),
    }
    if who in ("no key", "session"):
        return lambda _address: None
    if who in fixed:
        token = fixed[who]()
        return lambda _address: token
    made: dict[str, str] = {}

    def by_scope(address: Address) -> str:
        scope = address.access.permission or "events:read"
        if scope not in made:
            others = [name for name in scopes() if name not in (scope, FULL)]
            made[scope] = keys.new_key(app, team_id, *([scope] if who == "has the scope" else others))
        return made[scope]

    return by_scope


def _wrong_cells(
    who: str,
    addresses: list[Address],
    ask: Callable[[Address], object],
    expected: Callable[[Address], object],
) -> list[str]:
    """Return the addresses that do not answer as expected (None: nothing is), with what they answer instead."""
    wrong = []
    # GET first, then changes, then removals; leaving the team comes last.
    for address in sorted(
        addresses, key=lambda a: (a.method != "GET", a.method == "DELETE", a.endpoint == "teams.leave")
    ):
        expected_outcome = expected(address)
        if expected_outcome is None:
            continue
        got = ask(address)
        may_miss = (
            address.method != "GET" or address.endpoint in MAY_MISS or address.access.permission is None
        )
        if got != expected_outcome and not (may_miss and (expected_outcome, got) == (ALLOWED, 404)):
            wrong.append(f"{who} at {address}: expected {expected_outcome}, got {got}")
    return wrong


def _answers(
    addresses: list[Address],
    is_meant: Callable[[Address], bool],
    ask: Callable[[Address], object],
    expected: object,
) -> list[str]:
    """Return the addresses that do not answer what is expected, with what they answer instead."""
    answers = [(address, ask(address)) for address in addresses if is_meant(address)]
    return [f"{address}: {answer}" for address, answer in answers if answer != expected]
