"""The people of the tests. Alice owns team acme, Bob is admin, Mel member, Vic viewer; Charlie owns another team.

def test_viewer_cannot_revoke(people):
    assert people.vic.post("/t/acme/api-keys/key_x/revoke").status_code == 403
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.accounts.models import Membership, Team, User
from app.extensions import db
from app.lib.passwords import hash_secret
from app.web.permissions import Role

PASSWORD = "three quiet otters"
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


class Visitor:
    """A browser: keeps cookies, sends forms with their CSRF token, and asks for fragments as htmx does."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, url: str, *, fragment: str | None = None, **options: Any) -> TestResponse:
        """Get a page; with `fragment`, as htmx does when it swaps the element of this id."""
        headers = dict(options.pop("headers", {}))
        if fragment:
            headers |= {"HX-Request": "true", "HX-Target": fragment}
        return self.client.get(url, headers=headers, **options)

    def post(
        self, url: str, data: Mapping[str, Any] | None = None, *, fragment: str | None = None, **options: Any
    ) -> TestResponse:
        """Send a form with the CSRF token of this browser's session."""
        headers = dict(options.pop("headers", {}))
        if fragment:
            headers |= {"HX-Request": "true", "HX-Target": fragment}
        return self.client.post(
            url, data={"csrf_token": self.csrf_token(), **(data or {})}, headers=headers, **options
        )

    def csrf_token(self) -> str:
        """Return the token that the forms of this session carry."""
        page = self.client.get("/forgot-password").get_data(as_text=True)
        found = _CSRF.search(page)
        assert found, "the page at /forgot-password has no CSRF token"
        return found[1]

    def sign_in(self, email: str, password: str = PASSWORD, **options: Any) -> TestResponse:
        """Sign in through the form."""
        return self.post("/sign-in", {"email": email, "password": password}, **options)


@dataclass(frozen=True)
class Person:
    """A user. `visitor` is their browser, signed in through the form at its first use."""

    app: Flask
    id: str
    name: str
    email: str
    password: str = PASSWORD

    @cached_property
    def visitor(self) -> Visitor:
        return self.new_visitor()

    def new_visitor(self) -> Visitor:
        """Return another browser of this person, signed in."""
        visitor = Visitor(self.app.test_client())
        answer = visitor.sign_in(self.email, self.password)
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return visitor

    def get(self, url: str, **options: Any) -> TestResponse:
        return self.visitor.get(url, **options)

    def post(self, url: str, data: Mapping[str, Any] | None = None, **options: Any) -> TestResponse:
        return self.visitor.post(url, data, **options)


@dataclass(frozen=True)
class TestTeam:
    """A team's id and the slug in its addresses."""

    __test__ = False

    id: str
    slug: str


@dataclass(frozen=True)
class People:
    """Everybody, and their teams."""

    app: Flask
    acme: TestTeam
    other: TestTeam
    alice: Person
    bob: Person
    mel: Person
    vic: Person
    charlie: Person

    def anybody(self) -> Visitor:
        """Return a browser without a session."""
        return Visitor(self.app.test_client())

    def of_role(self, role: Role) -> Person:
        """Return acme's person of this role."""
        return {
            Role.OWNER: self.alice,
            Role.ADMIN: self.bob,
            Role.MEMBER: self.mel,
            Role.VIEWER: self.vic,
        }[role]


@pytest.fixture
def people(app: Flask) -> People:
    """Return the people of the tests, stored in the database."""
    with app.app_context():
        teams = {slug: Team(slug=slug, name=name) for slug, name in (("acme", "Acme"), ("other", "Other"))}
        db.session.add_all(teams.values())
        db.session.flush()
        cast = {}
        for name, slug, role in (
            ("Alice", "acme", Role.OWNER),
            ("Bob", "acme", Role.ADMIN),
            ("Mel", "acme", Role.MEMBER),
            ("Vic", "acme", Role.VIEWER),
            ("Charlie", "other", Role.OWNER),
        ):
            user = User(name=name, email=f"{name.lower()}@example.com", password_hash=_hash_of_password())
            db.session.add(user)
            db.session.flush()
            db.session.add(Membership(team_id=teams[slug].id, user_id=user.id, role=role))
            cast[name.lower()] = Person(app, user.id, name, user.email)
        acme, other = (TestTeam(teams[slug].id, slug) for slug in ("acme", "other"))
        db.session.commit()
        db.session.remove()
    return People(app, acme, other, **cast)


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """Return a browser without a session."""
    return Visitor(app.test_client())


@cache
def _hash_of_password() -> str:
    """Hash once: everybody has the same password. Few rounds, whichever test of a process is the first."""
    return hash_secret(PASSWORD, rounds=4)
