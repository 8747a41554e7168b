"""Airtable: bases and their records, with a personal access token or OAuth. A challenge is required.

That a grant dies after sixty days without a refresh is from the project's own research.
"""

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
    Pkce,
    Provider,
    Scope,
)

PROVIDER = Provider(
    slug="airtable",
    name="Airtable",
    type=IntegrationType.REST,
    category=Category.PRODUCTIVITY,
    summary="Tables that work like a database: bases and records.",
    abilities=(
        "Add or update records when an event arrives.",
        "List records of a view.",
    ),
    website="https://www.airtable.com",
    colour="#18bfff",
    base_url="https://api.airtable.com/v0",
    auth_methods=(
        AuthMethod(slug="oauth", label="OAuth integration", placement=OAuthAuth()),
        AuthMethod(
            slug="token",
            label="Personal access token",
            placement=HeaderAuth("Bearer {token}"),
            fields=(
                Field(
                    name="token",
                    label="Personal access token",
                    kind="secret",
                    help="Limit it to the bases that it is meant for.",
                    where="airtable.com/create/tokens.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and whose they are.",
        url="{base_url}/meta/whoami",
        read=text_at("email"),
    ),
    oauth=OAuth(
        authorization_url="https://airtable.com/oauth2/v1/authorize",
        token_url="https://airtable.com/oauth2/v1/token",
        pkce=Pkce.REQUIRED,
        scopes=(
            Scope("data.records:read", "Reads records."),
            Scope("data.records:write", "Creates, changes and deletes records."),
            Scope("schema.bases:read", "Lists bases, tables and fields."),
            Scope("user.email:read", "Shows which account is connected."),
        ),
        lifetime_s=3_600,
        rotates=True,
        idle_days=60,
        revocation_help="Airtable → Account → Integrations → Third-party integrations → Revoke access.",
    ),
    setup_url="https://airtable.com/create/oauth",
    setup_steps=(
        "Choose Register new OAuth integration.",
        "Paste the redirect address below as the OAuth redirect URL.",
        "Select the scopes listed here, copy the client id, and generate a client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://airtable.com/developers/web/api/oauth-reference",),
)
