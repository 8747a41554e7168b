"""Zapier: starts Zaps through the address of a “Catch Hook” trigger, which is the secret.

Zapier answers every request with success, whether or not a Zap waits behind the address.
"""

from datetime import date

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
    slug="zapier",
    name="Zapier",
    type=IntegrationType.ZAPIER,
    category=Category.AUTOMATION,
    summary="Starts Zaps, which connect thousands of apps.",
    abilities=("Start a Zap with an event's data.",),
    website="https://zapier.com",
    colour="#ff4f00",
    base_url="{webhook_url}",
    auth_methods=(
        AuthMethod(
            slug="webhook",
            label="Catch Hook",
            placement=NoAuth(),
            fields=(
                Field(
                    name="webhook_url",
                    label="Webhook address",
                    kind="secret",
                    form="url",
                    help="Whoever knows this address can start the Zap.",
                    where="Zapier → your Zap → Trigger: Webhooks by Zapier → Catch Hook → Test.",
                    placeholder="https://hooks.zapier.com/hooks/catch/…",
                ),
            ),
        ),
    ),
    check=Check(
        proves="Zapier takes requests at this address. Whether the Zap is on can be seen in Zapier only.",
        url="{base_url}",
        method="POST",
        headers={"Content-Type": "application/json"},
        body='{"event": "signalbox.test"}',
        expected=(200,),
        sends="A run of the Zap, if it is on.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://help.zapier.com/hc/en-us/articles/8496288690317-Trigger-Zaps-from-webhooks",),
)
