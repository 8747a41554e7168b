"""Any address that takes JSON by POST."""

from app.integrations.own_service import BASE_URL, own_auth_methods
from app.integrations.spec import (
    AuthMethod,
    Category,
    Check,
    Field,
    IntegrationType,
    NoAuth,
    Provider,
)

PROVIDER = Provider(
    slug="webhook",
    name="Webhook",
    type=IntegrationType.WEBHOOK,
    category=Category.GENERIC,
    summary="Any address that takes JSON by POST.",
    abilities=("Send an event's data, in a form of your choice.",),
    website="https://www.rfc-editor.org/rfc/rfc9110",
    colour="#2f7d6d",
    base_url="{base_url}",
    auth_methods=(
        AuthMethod(
            slug="secret_address",
            label="The address is the secret",
            placement=NoAuth(),
            fields=(
                Field(
                    name="secret_address",
                    label="Webhook address",
                    kind="secret",
                    form="url",
                    help="It is not shown again, because whoever knows it can send to it.",
                    placeholder="https://example.com/hooks/…",
                ),
            ),
            base_url="{secret_address}",
        ),
        *own_auth_methods(BASE_URL, without=("none", "query", "oauth")),
    ),
    check=Check(
        proves="The address takes JSON.",
        url="{base_url}",
        method="POST",
        headers={"Content-Type": "application/json"},
        body='{"event": "signalbox.test"}',
        sends="A small JSON document that says it is a test.",
    ),
    verified_on=None,
    source_urls=(),
)
