"""Templates: each one is data that fits together, and is set up as a whole or not at all."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.calls.rest.expansion import bind, prepare
from app.calls.rest.models import Endpoint
from app.events.catalogue import BUILT_IN
from app.events.models import EventType
from app.events.services import create_type
from app.extensions import db
from app.integrations.models import Integration
from app.integrations.providers import get_provider, providers
from app.integrations.queries.integrations import get_row
from app.integrations.status import Status
from app.lib.errors import Conflict, Invalid
from app.notifications.models import Notification
from app.notifications.rules import NOTIFICATIONS_MAX, TYPES
from app.setup_templates.catalogue import TEMPLATES, Template
from app.setup_templates.services import set_up_template
from app.webhooks.models import Webhook
from app.webhooks.rules import wants
from tests.page import Page
from tests.people import People

PAGES = "/t/acme/integrations/templates/"
ADDRESS = "https://hooks.example.com/catch/1"
MADE = (EventType, Integration, Endpoint, Notification, Webhook)
every = pytest.mark.parametrize("template", TEMPLATES.values(), ids=list(TEMPLATES))


def counts(app: Flask) -> list[int]:
    with app.app_context():
        return [db.session.scalar(select(func.count()).select_from(model)) or 0 for model in MADE]


@every
def test_an_entry_names_what_exists(template: Template) -> None:
    assert template.logo in providers()
    assert template.steps
    assert set(template.notification) <= set(TYPES)
    assert template.integration or template.webhook
    if template.integration:
        get_provider(template.integration.provider).auth_method(template.integration.auth_method)
    assert template.endpoint is None or template.integration is not None
    if template.notification:
        assert template.integration is not None
        assert template.integration.provider == "slack"
    if template.webhook:
        names = [*BUILT_IN, *(one.name for one in template.types)]
        for pattern in template.webhook.event_types:
            assert any(wants([pattern], name) for name in names), pattern


@every
def test_a_template_makes_what_its_page_shows(
    app: Flask, people: People, page: Page, template: Template
) -> None:
    shown = page.get(PAGES + template.slug, people.bob)
    for words in (template.title, *(one.name for one in template.types), *template.notification):
        assert shown.has_text(words), words
    answer = people.bob.post(PAGES + template.slug, {"url": ADDRESS})
    assert answer.status_code == 303
    assert ("/webhooks/wh_" in answer.location) is (template.webhook is not None)
    led_to = page.get(answer.location, people.bob)
    assert led_to.status == 200
    if template.webhook:
        # Its secret is shown once, and here.
        assert "whsec_" in led_to.html
    assert counts(app) == [
        len(template.types),
        int(template.integration is not None),
        int(template.endpoint is not None),
        int(bool(template.notification)),
        int(template.webhook is not None),
    ]
    if template.integration:
        with app.app_context():
            integration_id = db.session.scalars(select(Integration.id)).one()
            assert get_row(people.acme.id, integration_id).report.status is Status.PENDING_SETUP


def test_what_is_wrong_stands_beside_the_address_and_nothing_is_made(
    app: Flask, people: People, page: Page
) -> None:
    answer = page.read(people.bob.post(PAGES + "hubspot-new-contact", {"url": "no address"}))
    assert answer.status == 422
    assert answer.by_id("url-error") is not None
    assert counts(app) == [0, 0, 0, 0, 0]


def test_a_limit_in_the_middle_undoes_the_whole(app: Flask, people: People) -> None:
    with app.app_context():
        other = Integration(team_id=people.acme.id, provider="slack", name="S", auth_method="webhook",
                            config={}, scopes=[], details={})  # fmt: skip
        db.session.add(other)
        db.session.flush()
        for _ in range(NOTIFICATIONS_MAX):
            db.session.add(Notification(team_id=people.acme.id, integration_id=other.id, event_types=[]))
        db.session.commit()
        with pytest.raises(Conflict):
            set_up_template(people.acme.id, "slack-webhook-disabled")
    assert counts(app) == [0, 1, 0, NOTIFICATIONS_MAX, 0]


def test_a_type_that_is_there_stays_as_it_is(app: Flask, people: People, page: Page) -> None:
    with app.app_context():
        create_type(people.acme.id, name="contact.created", description="Ours.", example={"n": 1})
    assert page.get(PAGES + "hubspot-new-contact", people.bob).has_text("there already")
    with app.app_context():
        made = set_up_template(people.acme.id, "hubspot-new-contact", ADDRESS)
        assert made.types == ()
        kept = db.session.scalars(select(EventType).where(EventType.name == "contact.created")).one()
        assert kept.description == "Ours."


def test_members_look_and_do_not_set_up(app: Flask, people: People, page: Page) -> None:
    assert page.get(PAGES, people.mel).has_text("Tell Slack when a webhook is disabled")
    assert page.get(PAGES + "n8n-alert", people.mel).has_text("Owners and admins")
    assert people.mel.post(PAGES + "n8n-alert", {"url": ADDRESS}).status_code == 403
    assert people.bob.post(PAGES + "nowhere", {}).status_code == 404
    assert counts(app) == [0, 0, 0, 0, 0]
    with app.app_context(), pytest.raises(Invalid):
        set_up_template(people.acme.id, "n8n-alert")


def test_a_ticket_becomes_an_issue_whatever_it_says() -> None:
    endpoint = TEMPLATES["github-issue-from-ticket"].endpoint
    assert endpoint is not None
    given = {
        "owner": "acme",
        "repository": "desk",
        "subject": 'It says "no"',
        "text": "Line one\nline two",
        "ticket_id": "4711",
    }
    prepared = prepare(endpoint, bind(endpoint.parameters, given))
    assert prepared.path == "/repos/acme/desk/issues"
    assert prepared.body == {
        "title": 'It says "no"',
        "body": "Line one\nline two\n\nTicket 4711",
    }
