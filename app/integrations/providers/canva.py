"""Canva: Connect API, with OAuth. A challenge is required, its method spelt in lower case.

That refresh tokens work once is from the project's own research.
"""

from datetime import date

from app.integrations.readers import text_at
from app.integrations.spec import (
    AuthMethod,
    Category,
    Check,
    IntegrationType,
    OAuth,
    OAuthAuth,
    Pkce,
    Provider,
    Scope,
)

PROVIDER = Provider(
    slug="canva",
    name="Canva",
    type=IntegrationType.DESIGN,
    category=Category.DESIGN,
    summary="Design: create designs, upload assets and export finished work.",
    abilities=(
        "Upload assets and create designs from templates when an event arrives.",
        "Export designs as images or documents.",
    ),
    website="https://www.canva.com",
    colour="#00c4cc",
    base_url="https://api.canva.com/rest/v1",
    auth_methods=(AuthMethod(slug="oauth", label="Connect integration (OAuth)", placement=OAuthAuth()),),
    check=Check(
        proves="The connection is valid, and whose account it is.",
        url="{base_url}/users/me/profile",
        read=text_at("profile", "display_name"),
    ),
    oauth=OAuth(
        authorization_url="https://www.canva.com/api/oauth/authorize",
        token_url="https://api.canva.com/rest/v1/oauth/token",
        pkce=Pkce.REQUIRED,
        challenge_method="s256",
        scopes=(
            Scope("profile:read", "Shows which account is connected."),
            Scope("design:meta:read", "Lists designs."),
            Scope("design:content:read", "Exports designs."),
            Scope("design:content:write", "Creates designs.", is_default=False),
            Scope("asset:read", "Reads uploaded assets.", is_default=False),
            Scope("asset:write", "Uploads assets.", is_default=False),
        ),
        lifetime_s=14_400,
        rotates=True,
        revocation_url="https://api.canva.com/rest/v1/oauth/revoke",
        revocation_help="Canva → Settings → Apps and integrations.",
        introspection_url="https://api.canva.com/rest/v1/oauth/introspect",
    ),
    setup_url="https://www.canva.com/developers/integrations",
    setup_steps=(
        "Create an integration in the Developer Portal.",
        "Select the scopes listed here, and paste the redirect address below under Authentication.",
        "Copy the client id, and generate a client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://www.canva.dev/docs/connect/authentication/",
        "https://www.canva.dev/docs/connect/api-reference/authentication/revoke-token/",
    ),
)
