"""The templates. One entry each: what it makes, what it asks for, and what is left to do. Pure data."""

from dataclasses import dataclass, field
from typing import Any

from app.calls.rest.definition import Definition, Pagination, Parameter


@dataclass(frozen=True, slots=True)
class NewType:
    """An event type that is added unless the team has it."""

    name: str
    description: str
    example: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewIntegration:
    """A draft of an integration with a provider of the catalogue."""

    provider: str
    auth_method: str
    name: str


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook; its address is asked for."""

    name: str
    event_types: tuple[str, ...]
    placeholder: str
    #: Where the address is found.
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A common use. `steps`: what a person does afterwards, elsewhere too."""

    slug: str
    title: str
    summary: str
    #: Whose picture it shows: a provider.
    logo: str
    types: tuple[NewType, ...] = ()
    integration: NewIntegration | None = None
    webhook: NewWebhook | None = None
    #: Defined on the integration.
    endpoint: Definition | None = None
    #: Types that the integration's chat is told about.
    notification: tuple[str, ...] = ()
    steps: tuple[str, ...] = field(default=())


_SLACK = NewIntegration("slack", "webhook", "Slack alerts")
_SLACK_STEPS = (
    "In Slack, add an incoming webhook to the channel that shall be told.",
    "Paste its address into the form of the integration, which opens next.",
    "Test the integration: a message appears in the channel.",
)

_ALL = (
    Template(
        slug="slack-webhook-disabled",
        title="Tell Slack when a webhook is disabled",
        summary="A channel hears of webhooks that fail, before and when Signalbox stops sending to them.",
        logo="slack",
        integration=_SLACK,
        notification=("signalbox.webhook.failing", "signalbox.webhook.disabled"),
        steps=_SLACK_STEPS,
    ),
    Template(
        slug="slack-integration-fails",
        title="Tell Slack when an integration stops working",
        summary="A channel hears of integrations that fail, that have to be reconnected, and that work again.",
        logo="slack",
        integration=_SLACK,
        notification=(
            "signalbox.integration.failed",
            "signalbox.integration.needs_reconnect",
            "signalbox.integration.recovered",
            "signalbox.integration.reconnected",
        ),
        steps=_SLACK_STEPS,
    ),
    Template(
        slug="slack-key-expires",
        title="Tell Slack when an API key is about to expire",
        summary="A channel hears a week ahead that programs need a new key.",
        logo="slack",
        integration=_SLACK,
        notification=("signalbox.api_key.expiring",),
        steps=_SLACK_STEPS,
    ),
    Template(
        slug="zapier-post-published",
        title="Start a Zap when a post is published",
        summary="Zapier gets every post that went out, and every one that did not.",
        logo="zapier",
        webhook=NewWebhook(
            "Zapier: posts",
            ("post.published", "post.failed"),
            "https://hooks.zapier.com/hooks/catch/…",
            "Zapier → Create → Webhooks by Zapier → Catch Hook → Test.",
        ),
        steps=(
            "Send a test event from the webhook's page, so that Zapier knows the fields.",
            "Add the steps of the Zap, and publish it.",
        ),
    ),
    Template(
        slug="make-message-received",
        title="Run a Make scenario when a customer writes",
        summary="Make gets direct messages as they arrive, to sort, translate or file them.",
        logo="make",
        webhook=NewWebhook(
            "Make: messages",
            ("message.received",),
            "https://hook.eu2.make.com/…",
            "Make → Create a scenario → Webhooks → Custom webhook → Add.",
        ),
        steps=(
            "Send a test event from the webhook's page, so that Make knows the fields.",
            "Add the modules that follow, and switch the scenario on.",
        ),
    ),
    Template(
        slug="n8n-alert",
        title="Run an n8n workflow when an alert is triggered",
        summary="n8n gets alerts of your monitoring rules, to escalate or to open a ticket.",
        logo="n8n",
        webhook=NewWebhook(
            "n8n: alerts",
            ("alert.triggered",),
            "https://n8n.example.com/webhook/…",
            "n8n → your workflow → Webhook node → Production URL; method POST.",
        ),
        steps=(
            "Activate the workflow: its production address answers only then.",
            "Send a test event from the webhook's page.",
        ),
    ),
    Template(
        slug="hubspot-new-contact",
        title="New HubSpot contact → event",
        summary="Each new contact becomes an event that your services get, signed and retried.",
        logo="hubspot",
        types=(
            NewType(
                "contact.created",
                "A contact was added in HubSpot.",
                {
                    "contact_id": "51",
                    "email": "ada@example.com",
                    "first_name": "Ada",
                    "last_name": "Lovelace",
                },
            ),
        ),
        integration=NewIntegration("hubspot", "token", "HubSpot contacts"),
        endpoint=Definition(
            name="Newest contacts",
            description="Contacts of HubSpot, to compare with the events or to fetch what came before them.",
            path="/crm/v3/objects/contacts",
            query=[("properties", "email,firstname,lastname")],
            pagination=Pagination(
                strategy="cursor",
                records_at="/results",
                parameter="after",
                next_at="/paging/next/after",
                size_parameter="limit",
                size=100,
            ),
        ),
        webhook=NewWebhook(
            "Contacts",
            ("contact.created",),
            "https://crm-sync.example.com/hooks",
            "The address of your service that shall get new contacts.",
        ),
        steps=(
            "Create an API key with the scope events:write.",
            "In Zapier or Make, choose New contact of HubSpot as the trigger, and an HTTP request as what follows: POST"
            " to /api/v1/events of this installation, with the key as bearer token and the body"
            ' {"type": "contact.created", "data": {…}}.',
            "Give the integration the token of a HubSpot private app, and try the endpoint: it reads the contacts that were"
            " there before.",
        ),
    ),
    Template(
        slug="github-issue-from-ticket",
        title="GitHub issue from a support ticket",
        summary="An endpoint that your help desk, or a workflow, runs to make an issue of a ticket.",
        logo="github",
        types=(
            NewType(
                "ticket.created",
                "A customer opened a support ticket.",
                {
                    "ticket_id": "4711",
                    "subject": "Order 10443 has not arrived",
                    "text": "It was due on Monday.",
                },
            ),
        ),
        integration=NewIntegration("github", "token", "GitHub issues of support"),
        endpoint=Definition(
            name="Create an issue from a ticket",
            description="Makes an issue that names the ticket.",
            method="POST",
            path="/repos/{owner}/{repository}/issues",
            body='{"title": "{{subject}}", "body": "{{text}}\\n\\nTicket {{ticket_id}}"}',
            parameters=[
                Parameter(name="owner", note="Account or organisation of the repository."),
                Parameter(name="repository"),
                Parameter(name="subject"),
                Parameter(name="text"),
                Parameter(name="ticket_id"),
            ],
        ),
        steps=(
            "Give the integration a token of GitHub that may write issues of the repository.",
            "Try the endpoint on its page.",
            "Have your help desk run it over the API, with an API key that has the scope integrations:call. It can also send"
            " ticket.created to /api/v1/events, for your other services.",
        ),
    ),
)

#: By slug, in the order in which the page lists them.
TEMPLATES: dict[str, Template] = {template.slug: template for template in _ALL}
