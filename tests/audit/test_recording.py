"""Every act leaves its entry, in its own transaction, with what changed and without secrets."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import Team
from app.accounts.services import invitations, teams
from app.accounts.services import users as people_services
from app.audit.trail import record
from app.events.services import types
from app.extensions import db
from app.lib.errors import SignalboxError
from app.web.permissions import Role
from app.webhooks.models import Delivery
from app.webhooks.services import deliveries, webhooks
from app.webhooks.services.settings import WebhookSettings
from tests.api_client import WEBHOOK, Api
from tests.audit.conftest import Trail
from tests.people import PASSWORD, People

SECRET = "s3cr3t-header-value"


@dataclass
class Scene:
    """A team with a webhook, a type, a delivery and an invitation, made without leaving entries."""

    people: People
    webhook_id: str
    delivery_id: str
    invitation_id: str
    invitation_token: str

    @property
    def team_id(self) -> str:
        return self.people.acme.id


@pytest.fixture
def scene(app: Flask, people: People, trail: Trail) -> Scene:
    with app.app_context():
        team_id = people.acme.id
        webhook_id = webhooks.create_webhook(team_id, _settings()).webhook_id
        delivery_id = webhooks.send_test_event(team_id, webhook_id).delivery_id
        types.create_type(team_id, name="sample.made", description="Old", example={})
        invited = invitations.invite(team_id, role=Role.MEMBER, email=None, actor_id=people.alice.id)
        for table in ("audit_entries",):
            db.session.execute(db.metadata.tables[table].delete())
        db.session.commit()
        db.session.remove()
    return Scene(people, webhook_id, delivery_id, invited.id, invited.token)


def _settings(**values: Any) -> WebhookSettings:
    return WebhookSettings(
        **{
            "name": "Order desk",
            "url": "https://orders.example.com/hooks?token=abc123&lang=de",
            "event_types": ["post.*"],
            "headers": [("X-Desk", SECRET), ("Authorization", f"Bearer {SECRET}")],
            **values,
        }
    )


def _pause_and_resume(scene: Scene) -> None:
    webhooks.pause_webhook(scene.team_id, scene.webhook_id, by="Alice")
    webhooks.resume_webhook(scene.team_id, scene.webhook_id, backlog="send")


def _sign_up(scene: Scene) -> None:
    person = people_services.NewPerson("Nia", "nia@example.com", PASSWORD)
    invitations.sign_up_invited(scene.invitation_token, person)


#: What is done, which entry it leaves, and what that says has changed (None: whatever).
ACTS: dict[str, tuple[Callable[[Scene], object], dict[str, list[object]] | None]] = {
    "webhook.created": (lambda s: webhooks.create_webhook(s.team_id, _settings(name="Second")), None),
    "webhook.updated": (
        lambda s: webhooks.update_webhook(s.team_id, s.webhook_id, {"timeout_s": 20, "name": "Desk"}),
        {"timeout_s": [15, 20], "name": ["Order desk", "Desk"]},
    ),
    "webhook.paused": (
        lambda s: webhooks.pause_webhook(s.team_id, s.webhook_id, by="Alice"),
        {"status": ["active", "paused"]},
    ),
    "webhook.resumed": (
        _pause_and_resume,
        {"status": ["paused", "active"]},
    ),
    "webhook.deleted": (lambda s: webhooks.delete_webhook(s.team_id, s.webhook_id), None),
    "webhook.tested": (lambda s: webhooks.send_test_event(s.team_id, s.webhook_id), None),
    "delivery.retried": (lambda s: deliveries.retry(s.team_id, s.delivery_id), None),
    "event_type.created": (
        lambda s: types.create_type(s.team_id, name="a.b", description="New", example={"n": 1}),
        {"description": [None, "New"], "example": [None, {"n": 1}]},
    ),
    "event_type.updated": (
        lambda s: types.change_type(s.team_id, "sample.made", description="New"),
        {"description": ["Old", "New"]},
    ),
    "event_type.deleted": (lambda s: types.delete_type(s.team_id, "sample.made"), None),
    "team.renamed": (lambda s: teams.rename_team(s.team_id, "Acme 2"), {"name": ["Acme", "Acme 2"]}),
    "team.transferred": (
        lambda s: teams.transfer_ownership(s.team_id, from_id=s.people.alice.id, to_id=s.people.mel.id),
        {"owner": ["Alice", "Mel"]},
    ),
    "member.role_changed": (
        lambda s: teams.change_role(s.team_id, s.people.mel.id, Role.ADMIN, actor_id=s.people.alice.id),
        {"role": ["member", "admin"]},
    ),
    "member.removed": (
        lambda s: teams.remove_member(s.team_id, s.people.vic.id, actor_id=s.people.alice.id),
        {"role": ["viewer", None]},
    ),
    "member.left": (lambda s: teams.leave_team(s.team_id, s.people.mel.id), {"role": ["member", None]}),
    "invitation.created": (
        lambda s: invitations.invite(
            s.team_id, role=Role.VIEWER, email="new@example.com", actor_id=s.people.alice.id
        ),
        {"role": [None, "viewer"], "email": [None, "new@example.com"]},
    ),
    "invitation.revoked": (lambda s: invitations.revoke_invitation(s.team_id, s.invitation_id), None),
    "invitation.accepted": (_sign_up, {"role": [None, "member"]}),
}


@pytest.mark.parametrize("action", ACTS)
def test_act_leaves_its_entry(app: Flask, scene: Scene, trail: Trail, action: str) -> None:
    act, changes = ACTS[action]

    with app.app_context():
        act(scene)
        db.session.remove()

    entry = trail.entry(action)
    assert entry.object_type == action.partition(".")[0]
    assert entry.object_id
    if changes is not None:
        assert entry.changes == changes


@pytest.mark.parametrize("action", ACTS)
def test_act_that_is_rolled_back_leaves_nothing(
    app: Flask, scene: Scene, trail: Trail, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    act, _ = ACTS[action]

    class Lost(Exception):
        """The connection broke in the moment of the commit."""

    def lose() -> None:
        raise Lost

    with app.app_context():
        session = db.session()
        monkeypatch.setattr(session, "commit", lose)
        with pytest.raises(Lost):
            act(scene)
        db.session.remove()

    assert trail.entries() == []


def test_refused_act_leaves_nothing(app: Flask, scene: Scene, trail: Trail) -> None:
    refused: list[Callable[[], object]] = [
        lambda: webhooks.update_webhook(scene.team_id, scene.webhook_id, {"timeout_s": 0}),
        lambda: types.delete_type(scene.team_id, "no.such"),
        lambda: teams.leave_team(scene.team_id, scene.people.alice.id),
    ]
    with app.app_context():
        for act in refused:
            with pytest.raises(SignalboxError):
                act()
            db.session.remove()

    assert trail.entries() == []


def test_change_that_changes_nothing_leaves_nothing(app: Flask, scene: Scene, trail: Trail) -> None:
    with app.app_context():
        webhooks.update_webhook(scene.team_id, scene.webhook_id, {"timeout_s": 15})
        types.change_type(scene.team_id, "sample.made", description="Old")
        teams.rename_team(scene.team_id, "Acme")
        webhooks.resume_webhook(scene.team_id, scene.webhook_id, backlog="send")
        db.session.remove()

    assert trail.entries() == []


def test_values_of_headers_and_secrets_never_appear(app: Flask, scene: Scene, trail: Trail) -> None:
    with app.app_context():
        created = webhooks.create_webhook(scene.team_id, _settings(name="Second"))
        webhooks.update_webhook(
            scene.team_id,
            created.webhook_id,
            {"headers": [("X-Desk", "another-value"), ("Authorization", "••••••")]},
        )
        db.session.remove()

    text = json.dumps([[entry.changes, entry.detail] for entry in trail.entries()], ensure_ascii=False)
    for secret in (SECRET, "another-value", "abc123", created.secret, created.secret[-8:]):
        assert secret not in text
    assert trail.entry("webhook.updated").changes == {
        "headers": [
            ["X-Desk: ••••••", "Authorization: ••••••"],
            ["X-Desk: •••••• (new value)", "Authorization: ••••••"],
        ]
    }
    assert "lang=de" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("note", f"use sb_live_{'a' * 12}_{'b' * 43}_abcdef here"),
        ("note", "cut off: sb_test_abcdefgh"),
        ("note", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("password", "hunter2"),
        ("settings", {"api_key": "hunter2", "nested": [{"token": "hunter2"}]}),
        ("url", "https://example.com/?access_token=hunter2"),
    ],
)
def test_secrets_are_masked_by_name_and_form(
    app: Flask, people: People, trail: Trail, name: str, value: object
) -> None:
    with app.app_context():
        record(
            db.session(),
            "thing.changed",
            team_id=people.acme.id,
            object_type="thing",
            changes={name: (None, value)},
        )
        db.session.commit()
        db.session.remove()

    shown = json.dumps(trail.entry("thing.changed").changes)
    assert not any(secret in shown for secret in ("hunter2", "b" * 43, "abcdefgh", "MfKQ9r8"))


def test_entry_can_be_written_on_a_bare_connection(app: Flask, people: People, trail: Trail) -> None:
    with app.app_context():
        with db.engine.begin() as connection:
            record(
                connection, "thing.kept", team_id=people.acme.id, object_type="thing", changes={"n": (1, 2)}
            )
        with db.engine.connect() as connection, connection.begin() as transaction:
            record(connection, "thing.lost", team_id=people.acme.id, object_type="thing")
            transaction.rollback()

    assert [entry.action for entry in trail.entries()] == ["thing.kept"]
    assert trail.entry("thing.kept").changes == {"n": [1, 2]}


def test_person_is_the_actor_of_a_page(people: People, trail: Trail) -> None:
    answer = people.bob.post(
        "/t/acme/event-types/new", {"name": "order.paid", "description": "", "example": "{}"}
    )

    entry = trail.entry("event_type.created")
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("user", people.bob.id, "Bob")
    assert entry.address == "127.0.0.1"
    assert entry.request_id == answer.headers["X-Request-Id"]
    assert entry.object_name == "order.paid"


def test_key_is_the_actor_of_a_call(api: Api, trail: Trail) -> None:
    api("POST", "/webhooks", WEBHOOK)

    entry = trail.entry("webhook.created")
    assert (entry.actor_kind, entry.actor_name) == ("api_key", "tests")
    assert entry.object_name == "Order desk"


def test_command_line_is_the_actor_outside_of_requests(app: Flask, scene: Scene, trail: Trail) -> None:
    with app.app_context():
        teams.rename_team(scene.team_id, "Other name")
        db.session.remove()

    entry = trail.entry("team.renamed")
    assert (entry.actor_kind, entry.actor_id, entry.address) == ("operator", None, None)


def test_actor_of_joining_and_of_creating_a_team_is_that_user(app: Flask, scene: Scene, trail: Trail) -> None:
    people = scene.people
    people.charlie.post(f"/invitations/{scene.invitation_token}/accept")

    entry = trail.entry("invitation.accepted")
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("user", people.charlie.id, "Charlie")

    people.charlie.post("/teams/new", {"name": "Third"})

    with app.app_context():
        team_id = db.session.scalar(select(Team.id).where(Team.slug == "third"))
        db.session.remove()
    assert team_id
    founded = Trail(app, team_id).entry("team.created")
    assert (founded.actor_id, founded.object_name) == (people.charlie.id, "Third")


def test_invitations_that_end_with_a_role_are_recorded(app: Flask, scene: Scene, trail: Trail) -> None:
    with app.app_context():
        teams.transfer_ownership(scene.team_id, from_id=scene.people.alice.id, to_id=scene.people.bob.id)
        db.session.remove()

    assert trail.entry("invitation.revoked").object_id == scene.invitation_id


def test_retry_names_what_is_sent(app: Flask, scene: Scene, trail: Trail) -> None:
    with app.app_context():
        db.session.get_one(Delivery, scene.delivery_id).state = "failed"
        db.session.commit()
        deliveries.retry(scene.team_id, scene.delivery_id)
        db.session.remove()

    assert trail.entry("delivery.retried").object_name == "signalbox.test to Order desk"
