"""HubSpot: CRM APIs, with a private app's token or OAuth in its version of March 2026."""

from datetime import date

from app.integrations.readers import text_at
from app.integrations.spec import (
    AuthMethod,
    Category,
    Check,
    Field,
    HeaderAuth,
    IntegrationType,
    OAuth,
    OAuthAuth,
    Provider,
    Scope,
    Sunset,
)

PROVIDER = Provider(
    slug="hubspot",
    name="HubSpot",
    type=IntegrationType.CRM,
    category=Category.CRM,
    summary="Customer relationship management: contacts, companies, deals and tickets.",
    abilities=(
        "Create or update contacts, companies and deals when an event arrives.",
        "Search CRM records and read their properties.",
    ),
    website="https://www.hubspot.com",
    colour="#ff7a59",
    base_url="https://api.hubapi.com",
    auth_methods=(
        AuthMethod(slug="oauth", label="OAuth app", placement=OAuthAuth()),
        AuthMethod(
            slug="token",
            label="Private app",
            placement=HeaderAuth("Bearer {token}"),
            fields=(
                Field(
                    name="token",
                    label="Access token of a private app",
                    kind="secret",
                    help="Give the private app no more scopes than the calls need.",
                    where="HubSpot → Settings → Integrations → Private Apps → your app → Auth.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and of which HubSpot account.",
        url="{base_url}/account-info/2026-03/details",
        read=text_at("portalId"),
    ),
    oauth=OAuth(
        authorization_url="https://app.hubspot.com/oauth/authorize",
        token_url="https://api.hubapi.com/oauth/2026-03/token",
        client_auth="client_secret_post",
        scopes=(
            Scope("oauth", "Shows which HubSpot account is connected."),
            Scope("crm.objects.contacts.read", "Reads contacts."),
            Scope("crm.objects.contacts.write", "Creates and changes contacts."),
            Scope("crm.objects.companies.read", "Reads companies.", is_default=False),
            Scope("crm.objects.companies.write", "Creates and changes companies.", is_default=False),
            Scope("crm.objects.deals.read", "Reads deals.", is_default=False),
            Scope("crm.objects.deals.write", "Creates and changes deals.", is_default=False),
        ),
        lifetime_s=1_800,
        revocation_url="https://api.hubapi.com/oauth/2026-03/token/revoke",
        revocation_help="HubSpot → Settings → Integrations → Connected Apps.",
        introspection_url="https://api.hubapi.com/oauth/2026-03/token/introspect",
    ),
    setup_url="https://developers.hubspot.com/docs/apps/developer-platform/build-apps/overview",
    setup_steps=(
        "Create an app in your HubSpot developer account.",
        "Paste the redirect address below into its authentication settings.",
        "Add the scopes listed here as required scopes, and copy the client id and the client secret.",
    ),
    sunsets=(
        Sunset(
            on=date(2027, 2, 16),
            what="HubSpot ends version 1 of its OAuth API.",
            instead="Nothing has to be done here: connections use version 2026-03. Other programs that call /oauth/v1 have to change.",
        ),
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developers.hubspot.com/docs/api-reference/legacy/authentication/oauth-tokens/v1/migration-guide",
        "https://developers.hubspot.com/docs/api-reference/latest/authentication/oauth-tokens/revoke-token",
        "https://developers.hubspot.com/docs/api-reference/latest/account/account-information/guide",
    ),
)
