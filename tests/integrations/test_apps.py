"""The apps that integrations connect through: whose is taken, and where its secret may go."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.audit.models import AuditEntry
from app.extensions import db
from app.integrations.apps import KnownApps, takes_installation_app
from app.integrations.models import ProviderApp
from app.integrations.providers import get_provider
from app.integrations.services.apps import app_for, remove_app, set_app
from app.integrations.spec import Field
from app.lib.errors import Conflict, Invalid, NotFound
from tests.people import People


def test_a_teams_own_app_comes_before_the_installations(app: Flask, people: People) -> None:
    with app.app_context():
        with pytest.raises(Conflict, match="no app to connect GitHub"):
            app_for(people.acme.id, "github", {})
        set_app(None, "github", "Iv1.everybody", "shared")
        assert app_for(people.acme.id, "github", {}) == ("Iv1.everybody", "shared")
        set_app(people.acme.id, "github", " Iv1.acme ", "own")
        assert app_for(people.acme.id, "github", {}) == ("Iv1.acme", "own")
        assert app_for(people.other.id, "github", {}) == ("Iv1.everybody", "shared")
        remove_app(people.acme.id, "github")
        assert app_for(people.acme.id, "github", {}) == ("Iv1.everybody", "shared")
        with pytest.raises(NotFound):
            remove_app(people.acme.id, "github")


def test_an_integration_that_names_its_app_needs_no_other(app: Flask, people: People) -> None:
    with app.app_context():
        set_app(people.acme.id, "github", "Iv1.acme", "own")
        answers = {"client_id": "mine", "client_secret": "of my server"}
        assert app_for(people.acme.id, "github", answers) == ("mine", "of my server")


def test_a_secret_left_empty_stays_with_its_client_id(app: Flask, people: People) -> None:
    with app.app_context():
        assert set_app(people.acme.id, "github", "Iv1.acme", "own") is True
        assert set_app(people.acme.id, "github", "Iv1.acme", "") is False
        assert app_for(people.acme.id, "github", {}).client_secret == "own"
        with pytest.raises(Invalid) as raised:
            set_app(people.acme.id, "github", "Iv1.another", "••••••")
        assert [error.field for error in raised.value.errors] == ["client_secret"]


@pytest.mark.parametrize(
    ("slug", "client_id", "secret", "field"),
    [
        ("github", "", "x", "client_id"),
        ("github", "a\nb", "x", "client_id"),
        ("github", "a", "x\0", "client_secret"),
        ("nowhere", "a", "x", "provider"),
    ],
)
def test_what_is_no_app_is_refused(
    app: Flask, people: People, slug: str, client_id: str, secret: str, field: str
) -> None:
    with app.app_context():
        with pytest.raises(Invalid) as raised:
            set_app(people.acme.id, slug, client_id, secret)
        assert [error.field for error in raised.value.errors] == [field]
        assert db.session.scalars(select(ProviderApp)).all() == []


def test_the_trail_tells_of_apps_without_their_secrets(app: Flask, people: People) -> None:
    with app.app_context():
        set_app(people.acme.id, "github", "Iv1.acme", "hush-hush")
        set_app(people.acme.id, "github", "Iv1.acme", "hush-hush-2")
        remove_app(people.acme.id, "github")
        entries = db.session.scalars(
            select(AuditEntry).where(AuditEntry.object_type == "provider_app").order_by(AuditEntry.id)
        ).all()
        assert [entry.action.partition(".")[2] for entry in entries] == ["added", "changed", "removed"]
        assert "hush" not in repr([entry.changes for entry in entries])


def test_an_app_whose_secret_does_not_open_says_what_to_do(app: Flask, people: People) -> None:
    with app.app_context():
        set_app(people.acme.id, "github", "Iv1.acme", "own")
        db.session.execute(update(ProviderApp).values(client_secret_sealed="v1.00000000.AAAA"))
        db.session.commit()
        with pytest.raises(Conflict, match="Write them again"):
            app_for(people.acme.id, "github", {})


@pytest.mark.parametrize(
    ("token_url", "field", "answers", "is_taken"),
    [
        ("https://api.example.com/{where}/token", {"form": "path_segment"}, {"where": "x"}, True),
        ("https://{where}.example.com/token", {"form": "label"}, {"where": "acme"}, True),
        ("https://{where}/token", {"form": "label"}, {"where": "localhost"}, False),
        ("https://{where}/token", {"form": "host", "default": "git.example.com"}, {}, True),
        ("https://{where}/token", {"form": "host", "default": "git.example.com"}, {"where": "evil.example"}, False),
        ("https://api.{where}/token", {"kind": "choice", "choices": (("eu", "EU"),)}, {"where": "eu"}, True),
        ("{where}", {"kind": "url"}, {"where": "https://evil.example/token"}, False),
    ],
)  # fmt: skip
def test_the_installations_secret_goes_to_no_server_that_a_team_names(
    token_url: str, field: dict[str, Any], answers: dict[str, str], is_taken: bool
) -> None:
    github = get_provider("github")
    assert github.oauth
    provider = replace(
        github,
        fields=(Field(name="where", label="Where", **field),),
        oauth=replace(github.oauth, token_url=token_url, revocation=None),
    )
    assert takes_installation_app(provider, answers) is is_taken
    assert KnownApps(installation=frozenset({"github"})).has_app(provider, answers) is is_taken
    assert KnownApps(own=frozenset({"github"})).has_app(provider, answers)


def test_operators_manage_the_installations_apps_by_command(app: Flask, people: People) -> None:
    def run(*words: str, given: str | None = None) -> str:
        result = app.test_cli_runner().invoke(args=["integrations", "app", *words], input=given)
        return result.output

    assert "There are no apps." in run("list")
    added = run("set", "github", "--client-id", "Iv1.all", "--secret-stdin", given="hush-hush\n")
    assert "/integrations/callback/github" in added
    assert "github\tIv1.all\tsecret stored" in run("list")
    with app.app_context():
        assert app_for(people.acme.id, "github", {}) == ("Iv1.all", "hush-hush")
    assert "Client secret" in run("set", "github", "--client-id", "Iv1.all", given="another\n")
    assert "hush" not in added + run("list")
    assert "This is another app" in run("set", "github", "--client-id", "Iv1.other", "--public")
    assert "no such provider" in run("set", "nowhere", "--client-id", "x", "--public")
    assert "Deleted" in run("delete", "github")
    assert "There is no app for GitHub" in run("delete", "github")
