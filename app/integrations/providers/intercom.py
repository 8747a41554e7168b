"""Intercom: conversations and contacts, with an access token or OAuth.

Tokens do not expire. What the app may do is chosen where it is registered. The request that ends a grant is from the
project's own research.
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
    RevocationRequest,
)

PROVIDER = Provider(
    slug="intercom",
    name="Intercom",
    type=IntegrationType.REST,
    category=Category.SUPPORT,
    summary="Customer messaging: conversations, contacts and tickets.",
    abilities=(
        "Create contacts, notes and conversations when an event arrives.",
        "Search conversations and contacts.",
    ),
    website="https://www.intercom.com",
    colour="#6afdef",
    base_url="https://{api_host}",
    headers={"Accept": "application/json"},
    fields=(
        Field(
            name="api_host",
            label="Region",
            kind="choice",
            default="api.intercom.io",
            choices=(
                ("api.intercom.io", "United States"),
                ("api.eu.intercom.io", "Europe"),
                ("api.au.intercom.io", "Australia"),
            ),
            where="Intercom → Settings → Workspace → General.",
        ),
    ),
    auth_methods=(
        AuthMethod(slug="oauth", label="Public app (OAuth)", placement=OAuthAuth()),
        AuthMethod(
            slug="token",
            label="Access token",
            placement=HeaderAuth("Bearer {token}"),
            fields=(
                Field(
                    name="token",
                    label="Access token",
                    kind="secret",
                    where="Developer Hub → your app → Configure → Authentication.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and whose they are.",
        url="{base_url}/me",
        read=text_at("email"),
    ),
    oauth=OAuth(
        authorization_url="https://app.intercom.com/oauth",
        token_url="https://api.intercom.io/auth/eagle/token",
        client_auth="client_secret_post",
        pkce=Pkce.UNDOCUMENTED,
        has_refresh_tokens=False,
        revocation=RevocationRequest(url="https://{api_host}/auth/uninstall"),
        revocation_help="Intercom → Settings → Integrations → App store → the app → Uninstall.",
    ),
    setup_url="https://app.intercom.com/a/developer-signup",
    setup_steps=(
        "In the Developer Hub, create an app and open Configure → Authentication.",
        "Tick Use OAuth, paste the redirect address below, and choose the permissions.",
        "Copy the client id and the client secret from Basic Information.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developers.intercom.com/docs/build-an-integration/learn-more/authentication/installing-uninstalling-apps",
    ),
)
