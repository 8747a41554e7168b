"""Box: files and folders of an enterprise, with OAuth. A refresh token works once, within sixty days."""

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
    slug="box",
    name="Box",
    type=IntegrationType.REST,
    category=Category.STORAGE,
    summary="Files, folders and collaboration for companies.",
    abilities=(
        "Create folders and shared links when an event arrives.",
        "Search files and read what is known of them.",
    ),
    website="https://www.box.com",
    colour="#0061d5",
    base_url="https://api.box.com/2.0",
    auth_methods=(AuthMethod(slug="oauth", label="Custom app (OAuth)", placement=OAuthAuth()),),
    check=Check(
        proves="The connection is valid, and whose account it is.",
        url="{base_url}/users/me",
        read=text_at("login"),
    ),
    oauth=OAuth(
        authorization_url="https://account.box.com/api/oauth2/authorize",
        token_url="https://api.box.com/oauth2/token",
        client_auth="client_secret_post",
        pkce=Pkce.UNDOCUMENTED,
        scopes=(
            Scope("root_readwrite", "Reads and writes all files and folders of the account."),
            Scope("root_readonly", "Reads them only.", is_default=False),
        ),
        lifetime_s=3_600,
        rotates=True,
        idle_days=60,
        revocation_url="https://api.box.com/oauth2/revoke",
        revocation_help="Box → Account settings → Security → connected apps.",
    ),
    setup_url="https://app.box.com/developers/console",
    setup_steps=(
        "Choose Create Platform App → Custom App → User Authentication (OAuth 2.0).",
        "Under Configuration, paste the redirect address below as a redirect URI, and tick the application scopes.",
        "Copy the client id and the client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developer.box.com/guides/authentication/tokens/",
        "https://developer.box.com/guides/authentication/tokens/revoke/",
    ),
)
