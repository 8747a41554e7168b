"""Dropbox: files and folders, with OAuth."""

from datetime import date

from app.integrations.readers import text_at
from app.integrations.spec import (
    AuthMethod,
    Category,
    Check,
    IntegrationType,
    OAuth,
    OAuthAuth,
    Provider,
    RevocationRequest,
    Scope,
)

PROVIDER = Provider(
    slug="dropbox",
    name="Dropbox",
    type=IntegrationType.REST,
    category=Category.STORAGE,
    summary="Files and folders in the cloud.",
    abilities=(
        "Create folders, move files and share links when an event arrives.",
        "List folders and read what is known of files.",
    ),
    website="https://www.dropbox.com",
    colour="#0061ff",
    base_url="https://api.dropboxapi.com/2",
    auth_methods=(AuthMethod(slug="oauth", label="Dropbox app (OAuth)", placement=OAuthAuth()),),
    check=Check(
        proves="The connection is valid, and whose account it is.",
        url="{base_url}/users/get_current_account",
        method="POST",
        headers={"Content-Type": "application/json"},
        body="null",
        read=text_at("email"),
    ),
    oauth=OAuth(
        authorization_url="https://www.dropbox.com/oauth2/authorize",
        token_url="https://api.dropboxapi.com/oauth2/token",
        # Else there is no refresh token, and the connection ends after four hours.
        authorization_parameters={"token_access_type": "offline"},
        scopes=(
            Scope("account_info.read", "Shows which account is connected."),
            Scope("files.metadata.read", "Lists files and folders."),
            Scope("files.content.write", "Creates, moves and deletes files."),
            Scope("files.content.read", "Reads files.", is_default=False),
            Scope("sharing.write", "Shares links.", is_default=False),
        ),
        lifetime_s=14_400,
        revocation=RevocationRequest(url="https://api.dropboxapi.com/2/auth/token/revoke", expected=(200,)),
        revocation_help="Dropbox → Settings → Apps → Connected apps.",
    ),
    setup_url="https://www.dropbox.com/developers/apps",
    setup_steps=(
        "Choose Create app → Scoped access.",
        "Under Settings, paste the redirect address below as a redirect URI.",
        "Under Permissions, tick the scopes listed here and submit.",
        "Copy the app key and the app secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://dropbox.tech/developers/using-oauth-2-0-with-offline-access",
        "https://dropbox.github.io/dropbox-sdk-java/api-docs/v8.0.1/com/dropbox/core/v2/auth/DbxUserAuthRequests.html",
    ),
)
