"""Make: starts scenarios through the address of a custom webhook, with an API key beside it if the webhook asks for one."""

from datetime import date

from app.integrations.spec import (
    AuthMethod,
    Category,
    Check,
    Field,
    HeaderAuth,
    IntegrationType,
    NoAuth,
    Provider,
)

_WEBHOOK_URL = Field(
    name="webhook_url",
    label="Webhook address",
    kind="secret",
    form="url",
    help="Whoever knows this address can start the scenario, unless the webhook asks for a key.",
    where="Make → your scenario → Webhooks → Custom webhook → Copy address.",
    placeholder="https://hook.eu1.make.com/…",
)

PROVIDER = Provider(
    slug="make",
    name="Make",
    type=IntegrationType.MAKE,
    category=Category.AUTOMATION,
    summary="Starts scenarios, which connect apps step by step.",
    abilities=("Start a scenario with an event's data, and use what it answers.",),
    website="https://www.make.com",
    colour="#6d00cc",
    base_url="{webhook_url}",
    fields=(_WEBHOOK_URL,),
    auth_methods=(
        AuthMethod(slug="webhook", label="Custom webhook", placement=NoAuth()),
        AuthMethod(
            slug="webhook_key",
            label="Custom webhook with an API key",
            placement=HeaderAuth("{api_key}", header="x-make-apikey"),
            fields=(
                Field(
                    name="api_key",
                    label="API key",
                    kind="secret",
                    where="Make → Webhooks → the webhook → API key authentication, where you chose it.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="Make takes requests at this address.",
        url="{base_url}",
        method="POST",
        headers={"Content-Type": "application/json"},
        body='{"event": "signalbox.test"}',
        expected=(200,),
        sends="A run of the scenario, if it is on.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://apps.make.com/gateway",),
)
