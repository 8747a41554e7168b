"""Microsoft: the Graph API for mail, calendars, files and Teams, with OAuth.

Microsoft has no revocation endpoint, and a refresh token that was exchanged goes on working. That a grant
lasts ninety days without use is from the project's own research.
"""

from datetime import date

from app.integrations.readers import text_at
from app.integrations.spec import (
    AuthMethod,
    Category,
    Check,
    Field,
    IntegrationType,
    OAuth,
    OAuthAuth,
    Provider,
    Scope,
)

PROVIDER = Provider(
    slug="microsoft",
    name="Microsoft 365",
    type=IntegrationType.REST,
    category=Category.PRODUCTIVITY,
    summary="Mail, calendars, files and Teams through Microsoft Graph.",
    abilities=(
        "Send mail, create calendar entries and post to Teams when an event arrives.",
        "Read and write files in OneDrive and SharePoint.",
    ),
    website="https://www.microsoft.com/microsoft-365",
    colour="#0067b8",
    base_url="https://graph.microsoft.com/v1.0",
    fields=(
        Field(
            name="tenant",
            label="Tenant",
            form="path_segment",
            default="organizations",
            help="Your directory's id or domain admits only its accounts; “organizations” admits all work accounts, “common” personal ones too.",
            where="Microsoft Entra admin centre → Overview → Tenant ID.",
            placeholder="contoso.onmicrosoft.com",
        ),
    ),
    auth_methods=(AuthMethod(slug="oauth", label="Entra app (OAuth)", placement=OAuthAuth()),),
    check=Check(
        proves="The connection is valid, and whose account it is.",
        url="{base_url}/me",
        read=text_at("userPrincipalName"),
    ),
    oauth=OAuth(
        authorization_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        token_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        client_auth="client_secret_post",
        scopes=(
            Scope("offline_access", "Keeps the connection alive without asking you again."),
            Scope("User.Read", "Shows which account is connected."),
            Scope("Mail.Send", "Sends mail as the account.", is_default=False),
            Scope("Calendars.ReadWrite", "Reads and writes the account's calendars.", is_default=False),
            Scope("Files.ReadWrite", "Reads and writes the account's files.", is_default=False),
            Scope("ChannelMessage.Send", "Posts to Teams channels as the account.", is_default=False),
        ),
        revocation_help="For a work account: myapps.microsoft.com → the app → Manage your application → Revoke permissions.",
        idle_days=90,
    ),
    setup_url="https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade",
    setup_steps=(
        "Choose New registration, and who may use the app.",
        "Add the redirect address below as a redirect URI of the platform Web.",
        "Under API permissions, add the delegated permissions of Microsoft Graph listed here.",
        "Create a client secret, and copy its value and the application (client) id.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow",),
)
