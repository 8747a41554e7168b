"""n8n: starts workflows through the address of a Webhook node, or calls the API of the instance with a key."""

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

PROVIDER = Provider(
    slug="n8n",
    name="n8n",
    type=IntegrationType.N8N,
    category=Category.AUTOMATION,
    summary="Starts workflows on n8n, in the cloud or on your own server.",
    abilities=(
        "Start a workflow with an event's data, and use what it answers.",
        "List and switch workflows through the API.",
    ),
    website="https://n8n.io",
    colour="#ff91ac",
    base_url="{address}/api/v1",
    auth_methods=(
        AuthMethod(
            slug="webhook",
            label="Webhook node",
            placement=NoAuth(),
            fields=(
                Field(
                    name="webhook_url",
                    label="Production URL of the webhook",
                    kind="secret",
                    form="url",
                    help="The test URL works only while the editor listens.",
                    where="n8n → your workflow → the Webhook node → Webhook URLs → Production URL.",
                    placeholder="https://n8n.example.com/webhook/…",
                ),
            ),
            base_url="{webhook_url}",
            check=Check(
                proves="The workflow is active and takes requests.",
                url="{base_url}",
                method="POST",
                headers={"Content-Type": "application/json"},
                body='{"event": "signalbox.test"}',
                sends="A run of the workflow.",
            ),
        ),
        AuthMethod(
            slug="key",
            label="API key",
            placement=HeaderAuth("{api_key}", header="X-N8N-API-KEY"),
            note="The API is not part of n8n's free trial.",
            fields=(
                Field(
                    name="address",
                    label="Address of your n8n",
                    kind="url",
                    help="Without /api at its end.",
                    placeholder="https://n8n.example.com",
                ),
                Field(
                    name="api_key",
                    label="API key",
                    kind="secret",
                    where="n8n → Settings → n8n API → Create an API key.",
                ),
            ),
        ),
    ),
    check=Check(proves="The key is valid for this instance.", url="{base_url}/workflows?limit=1"),
    verified_on=date(2026, 11, 21),
    source_urls=("https://docs.n8n.io/api/authentication/",),
)
