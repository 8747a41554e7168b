"""ActiveCampaign: REST API of one account, with its API key."""

from datetime import date

from app.integrations.readers import text_at
from app.integrations.spec import (
    AuthMethod,
    Category,
    Check,
    Field,
    HeaderAuth,
    IntegrationType,
    Provider,
)

PROVIDER = Provider(
    slug="activecampaign",
    name="ActiveCampaign",
    type=IntegrationType.MARKETING,
    category=Category.MARKETING,
    summary="E-mail marketing and automation: contacts, lists and deals.",
    abilities=(
        "Add contacts to lists, tag them and start automations when an event arrives.",
        "Read campaigns and deals.",
    ),
    website="https://www.activecampaign.com",
    colour="#004cff",
    base_url="{address}/api/3",
    fields=(
        Field(
            name="address",
            label="API address",
            kind="url",
            help="It differs from account to account.",
            where="ActiveCampaign → Settings → Developer → API Access.",
            placeholder="https://acme.api-us1.com",
        ),
    ),
    auth_methods=(
        AuthMethod(
            slug="key",
            label="API key",
            placement=HeaderAuth("{api_key}", header="Api-Token"),
            fields=(
                Field(
                    name="api_key",
                    label="API key",
                    kind="secret",
                    help="Every user has one of their own; it may do what they may do.",
                    where="ActiveCampaign → Settings → Developer → API Access.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The key is valid, and whose it is.",
        url="{base_url}/users/me",
        read=text_at("user", "username"),
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://developers.activecampaign.com/reference/authentication",),
)
