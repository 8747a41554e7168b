"""Integrations that a team publishes: what travels, who may, and what becomes of them when they are taken back."""

import re

import pytest
from flask import Flask

from app.audit.models import AuditEntry
from app.extensions import db
from app.integrations.models import Connection, Integration
from app.integrations.offers import Offer
from app.integrations.services.integrations import create_integration, delete_integration, update_integration
from app.integrations.services.publishing import publish_integration, withdraw_integration
from app.integrations.services.setting_up import set_up_published
from app.integrations.services.settings import IntegrationSettings, stored_secrets
from app.lib.errors import Conflict, Invalid, NotFound
from tests.page import Page
from tests.people import People

OURS, THEIRS = "/t/acme/integrations/", "/t/other/integrations/"
SECRET = "s3cret-of-the-desk"
BASE_URL = "https://desk.example.com/api"


@pytest.fixture
def desk(app: Flask, people: People) -> str:
    """Return the id of acme's integration with its help desk."""
    settings = IntegrationSettings(
        name="Help desk",
        description="Tickets of support.",
        auth_method="header",
        answers={
            "base_url": BASE_URL,
            "header_name": "X-Desk-Key",
            "check_path": "/internal",
            "token": SECRET,
        },
        hourly_limit=100,
        details={"owner": "support"},
    )
    with app.app_context():
        return create_integration(people.acme.id, "rest", settings)


def publish(people: People, page: Page, integration_id: str, *shared: str) -> None:
    """Publish through the pages: tick, look, confirm."""
    address = f"{OURS}{integration_id}/publish"
    looked = page.read(people.bob.post(address, {"config": list(shared)}))
    version = looked.one("input", name="offer_version").get("value", "")
    answer = people.bob.post(address, {"config": list(shared), "offer_version": version})
    assert answer.status_code == 303


def test_the_confirmation_shows_exactly_what_travels(
    app: Flask, people: People, page: Page, desk: str
) -> None:
    first = page.get(f"{OURS}{desk}/publish", people.bob)
    assert {box.get("value") for box in first.all("input", name="config")} == {
        "base_url", "header_name", "check_path",
    }  # fmt: skip
    assert not [box for box in first.all("input", name="config") if box.get("checked") is not None]
    looked = page.read(people.bob.post(f"{OURS}{desk}/publish", {"config": ["base_url"]}))
    travels = looked.text(looked.all("dl")[0])
    for words in ("Help desk", "Tickets of support.", BASE_URL, "at most 100"):
        assert words in travels, words
    for words in ("X-Desk-Key", "/internal", SECRET, "owner"):
        assert words not in travels, words
    with app.app_context():
        assert not db.session.get_one(Integration, desk).is_public


def test_what_was_confirmed_is_what_is_published(app: Flask, people: People, page: Page, desk: str) -> None:
    address = f"{OURS}{desk}/publish"
    looked = page.read(people.bob.post(address, {"config": ["base_url"]}))
    version = looked.one("input", name="offer_version").get("value", "")
    with app.app_context():
        update_integration(people.acme.id, desk, {"description": "Confidential."})
    again = page.read(people.bob.post(address, {"config": ["base_url"], "offer_version": version}))
    assert again.has_text("Exactly this travels")
    assert again.has_text("Confidential.")
    with app.app_context():
        assert not db.session.get_one(Integration, desk).is_public


def test_another_team_makes_one_of_its_own(app: Flask, people: People, page: Page, desk: str) -> None:
    publish(people, page, desk, "base_url", "header_name")
    assert page.get(THEIRS + "catalogue/", people.charlie).has_text("By Acme")
    offer = page.get(f"{THEIRS}published/{desk}", people.charlie)
    assert offer.has_text(BASE_URL)
    assert offer.has_text("sees that your team uses it")
    assert SECRET not in offer.html
    assert "/internal" not in offer.html
    answer = people.charlie.post(f"{THEIRS}published/{desk}/set-up")
    assert answer.location.endswith("/edit")
    with app.app_context():
        (copy,) = db.session.query(Integration).filter_by(team_id=people.other.id)
        assert (copy.source_id, copy.name, copy.hourly_limit) == (desk, "Help desk", 100)
        assert (copy.is_public, copy.details, stored_secrets(copy)) == (False, {}, {})
        assert copy.config["base_url"] == BASE_URL
        assert copy.config["check_path"] == "/"
    shown = page.get(OURS + desk, people.vic)
    assert shown.has_text("Made from it: 1 by")
    assert copy.id not in shown.html


def test_later_changes_travel_when_it_is_published_again(
    app: Flask, people: People, page: Page, desk: str
) -> None:
    publish(people, page, desk)
    with app.app_context():
        update_integration(people.acme.id, desk, {"name": "Inner desk"})
    assert page.get(f"{THEIRS}published/{desk}", people.charlie).has_text("Help desk")
    assert page.get(OURS + desk, people.bob).has_text("It was changed since")
    publish(people, page, desk)
    assert page.get(f"{THEIRS}published/{desk}", people.charlie).has_text("Inner desk")
    assert not page.get(OURS + desk, people.bob).has_text("It was changed since")


def test_taken_back_it_is_offered_to_nobody_and_copies_stay(
    app: Flask, people: People, page: Page, desk: str
) -> None:
    publish(people, page, desk)
    people.charlie.post(f"{THEIRS}published/{desk}/set-up")
    assert people.bob.post(f"{OURS}{desk}/withdraw").status_code == 303
    assert people.charlie.get(f"{THEIRS}published/{desk}").status_code == 404
    assert people.charlie.post(f"{THEIRS}published/{desk}/set-up").status_code == 404
    assert not page.get(THEIRS + "catalogue/", people.charlie).has_text("By Acme")
    with app.app_context():
        assert db.session.get_one(Integration, desk).offer is None
        delete_integration(people.acme.id, desk)
        (copy,) = db.session.query(Integration).filter_by(team_id=people.other.id)
        assert copy.source_id is None
        actions = [entry.action for entry in db.session.query(AuditEntry).order_by(AuditEntry.id)]
        assert actions.index("integration.published") < actions.index("integration.withdrawn")


def test_neither_secrets_nor_connections_can_travel(app: Flask, people: People, desk: str) -> None:
    with app.app_context():
        with pytest.raises(Invalid, match="cannot be shared"):
            publish_integration(people.acme.id, desk, ["token"])
        db.session.rollback()
        db.session.add(Connection(integration_id=desk, team_id=people.acme.id, tokens_sealed="x", details={}))
        db.session.commit()
        publish_integration(people.acme.id, desk, ["base_url"])
        offer = db.session.get_one(Integration, desk).offer or {}
        assert offer.keys() == {
            "name", "description", "logo", "auth_method", "scopes", "hourly_limit", "daily_limit", "config",
        }  # fmt: skip
        assert not re.search(SECRET, str(offer))


def test_its_own_team_and_nobodys_is_set_up_from(app: Flask, people: People, desk: str) -> None:
    with app.app_context():
        for team_id in (people.other.id, people.acme.id):
            with pytest.raises(NotFound):
                set_up_published(team_id, desk)
        publish_integration(people.acme.id, desk, [])
        with pytest.raises(NotFound):
            set_up_published(people.acme.id, desk)
        assert set_up_published(people.other.id, desk)


def test_strangers_and_members_publish_nothing(app: Flask, people: People, desk: str) -> None:
    for action in ("publish", "withdraw"):
        assert people.mel.post(f"{OURS}{desk}/{action}").status_code == 403
        assert people.charlie.post(f"{THEIRS}{desk}/{action}").status_code == 404
    with app.app_context():
        with pytest.raises(NotFound):
            publish_integration(people.other.id, desk, [])
        with pytest.raises(NotFound):
            withdraw_integration(people.other.id, desk)
        publish_integration(people.acme.id, desk, [])
        update_integration(people.acme.id, desk, {"name": "Newer"})
        offered = db.session.get_one(Integration, desk).offer or {}
        assert offered["name"] == "Help desk"
        with pytest.raises(Conflict):
            publish_integration(people.acme.id, desk, [], expected=Offer.stored(offered))
