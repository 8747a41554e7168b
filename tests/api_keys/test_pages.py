"""Keys on pages and on the command line: shown once, masked afterwards, revoked for good."""

import pytest
from flask import Flask
from sqlalchemy import select

from app.api_keys import services
from app.api_keys.models import ApiKey
from app.api_keys.tokens import kid_of
from app.extensions import db
from app.lib.errors import Invalid
from app.web.permissions import ROLE_PERMISSIONS, Role
from tests.page import Document, Page
from tests.people import People, Person

INDEX = "/t/acme/api-keys/"


def create(page: Page, person: Person, **form: object) -> tuple[str, Document]:
    """Create a key through the form; return the path of its page and what it shows the first time."""
    answer = person.post(f"{INDEX}new", {"name": "orders", "scopes": ["events:write"], **form})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return str(answer.location), page.get(str(answer.location), person)


def test_new_key_is_shown_once_and_works(app: Flask, people: People, page: Page) -> None:
    path, first = create(page, people.bob)
    token = first.by_id("api-key").get("value", "")

    called = app.test_client().post(
        "/api/v1/events",
        json={"type": "post.published", "data": {"id": 1}},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert called.status_code == 202, called.get_data(as_text=True)
    assert token not in page.get(path, people.bob).html
    assert token not in page.get(INDEX, people.bob).html


def test_everywhere_else_it_is_masked(app: Flask, people: People, page: Page) -> None:
    path, first = create(page, people.bob)
    token = first.by_id("api-key").get("value", "")
    secret = token.split("_")[3]
    with app.app_context():
        key = db.session.scalars(select(ApiKey)).one()

        assert secret not in str(vars(key))
        assert key.key_hash.startswith("$2b$10$")
        assert key.kid == kid_of(token)
    for shown in (page.get(path, people.bob), page.get(INDEX, people.bob)):
        assert f"sb_live_{key.kid}_…" in shown.html
        assert secret not in shown.html
        assert key.key_hash not in shown.html


def test_secret_in_the_session_cookie_is_sealed(people: People, page: Page) -> None:
    answer = people.bob.post(f"{INDEX}new", {"name": "orders", "scopes": ["events:write"]})
    with people.bob.visitor.client.session_transaction() as session:
        kept = str(dict(session))
    token = page.get(str(answer.location), people.bob).by_id("api-key").get("value", "")

    assert token.split("_")[3] not in kept
    assert "no-store" in people.bob.get(str(answer.location)).headers["Cache-Control"]


def test_revoking_asks_by_name_and_counts_at_once(app: Flask, people: People, page: Page) -> None:
    path, first = create(page, people.bob, name="orders <service>")
    token = first.by_id("api-key").get("value", "")
    headers = {"Authorization": f"Bearer {token}"}
    client = app.test_client()
    assert client.get("/api/v1/events", headers=headers).status_code == 403, "it lacks events:read"

    question = page.get(f"{path}/revoke", people.bob)
    assert question.has_text("Revoke API key orders <service>?")
    page.fragment(f"{path}/revoke", "revoke-key", people.bob)
    assert people.bob.post(f"{path}/revoke").location == INDEX

    refused = client.get("/api/v1/events", headers=headers)
    assert refused.status_code == 401
    assert "was revoked" in refused.get_json()["detail"]
    assert page.get(INDEX, people.bob).has_text("Revoked")
    assert people.bob.post(f"{path}/revoke").status_code == 303, "revoking twice changes nothing"


def test_form_offers_only_scopes_one_has(people: People, page: Page) -> None:
    as_admin = page.get(f"{INDEX}new", people.bob)
    as_owner = page.get(f"{INDEX}new", people.alice)

    assert "admin:full" not in [box.get("value") for box in as_admin.all("input", name="scopes")]
    assert "admin:full" in [box.get("value") for box in as_owner.all("input", name="scopes")]
    assert people.bob.post(f"{INDEX}new", {"name": "x", "scopes": ["admin:full"]}).status_code == 422


def test_nobody_grants_a_scope_they_lack(app: Flask, people: People) -> None:
    with app.app_context(), pytest.raises(Invalid) as refused:
        services.create_key(
            people.acme.id, "x", scopes=["admin:full"], granted_by=ROLE_PERMISSIONS[Role.ADMIN]
        )

    assert "You cannot grant admin:full" in refused.value.errors[0].message


@pytest.mark.parametrize(
    ("form", "field", "message"),
    [
        ({"name": ""}, "name", "Give the key a name."),
        ({"name": "x" * 101}, "name", "Use at most 100 characters."),
        ({"scopes": []}, "scopes", "Choose at least one scope."),
    ],
)
def test_wrong_values_are_named(
    people: People, page: Page, form: dict[str, object], field: str, message: str
) -> None:
    answer = page.read(people.bob.post(f"{INDEX}new", {"name": "a", "scopes": ["events:write"], **form}))

    assert answer.status == 422
    assert message in answer.error_of(field)


def test_empty_list_says_what_to_do(people: People, page: Page) -> None:
    assert page.get(INDEX, people.bob).has_text("A program needs a key to emit events")


def test_key_of_another_team_is_not_found(people: People, page: Page) -> None:
    path, _ = create(page, people.bob)
    key_id = path.rpartition("/")[2]

    assert people.charlie.get(f"/t/other/api-keys/{key_id}").status_code == 404
    assert people.charlie.post(f"/t/other/api-keys/{key_id}/revoke").status_code == 404


def test_command_prints_the_key_and_nothing_else(app: Flask, people: People) -> None:
    answer = app.test_cli_runner().invoke(
        args=["keys", "create", "--team", "acme", "--name", "ci", "--scope", "events:write"]
    )

    assert answer.exit_code == 0, answer.output
    assert kid_of(answer.stdout.strip())
    assert "cannot be shown again" in answer.stderr


def test_command_names_a_wrong_team(app: Flask, people: People) -> None:
    answer = app.test_cli_runner().invoke(
        args=["keys", "create", "--team", "nobody", "--name", "ci", "--scope", "events:write"]
    )

    assert answer.exit_code == 1
    assert "There is no team 'nobody'" in answer.output
