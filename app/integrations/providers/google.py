"""Google: Workspace APIs (Calendar, Drive, Sheets, Gmail), with OAuth.

When grants die of disuse or of the app's state is from the project's own research.
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
    slug="google",
    name="Google",
    type=IntegrationType.REST,
    category=Category.PRODUCTIVITY,
    summary="Calendar, Drive, Sheets, Gmail and other Google APIs.",
    abilities=(
        "Append rows to a spreadsheet when an event arrives.",
        "Create calendar entries and files.",
        "Send mail through Gmail.",
    ),
    website="https://workspace.google.com",
    colour="#4285f4",
    base_url="https://{api_host}",
    fields=(
        Field(
            name="api_host",
            label="API",
            kind="choice",
            default="www.googleapis.com",
            choices=(
                ("www.googleapis.com", "Calendar, Drive and other APIs at www.googleapis.com"),
                ("sheets.googleapis.com", "Sheets"),
                ("gmail.googleapis.com", "Gmail"),
                ("docs.googleapis.com", "Docs"),
                ("people.googleapis.com", "People (contacts)"),
            ),
            help="Each of these APIs has a host of its own; make one integration for each that you call.",
        ),
    ),
    auth_methods=(AuthMethod(slug="oauth", label="OAuth client", placement=OAuthAuth()),),
    check=Check(
        proves="The connection is valid, and whose account it is.",
        url="https://openidconnect.googleapis.com/v1/userinfo",
        read=text_at("email"),
    ),
    oauth=OAuth(
        authorization_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url="https://oauth2.googleapis.com/token",
        client_auth="client_secret_post",
        # Without both, only the very first consent of an account brings a refresh token.
        authorization_parameters={"access_type": "offline", "prompt": "consent"},
        scopes=(
            Scope("openid", "Shows which account is connected."),
            Scope("email", "Shows the account's address."),
            Scope(
                "https://www.googleapis.com/auth/calendar.events",
                "Reads and writes calendar entries.",
                is_default=False,
            ),
            Scope(
                "https://www.googleapis.com/auth/drive.file",
                "Reads and writes files that this app created.",
                is_default=False,
            ),
            Scope(
                "https://www.googleapis.com/auth/spreadsheets",
                "Reads and writes all spreadsheets.",
                is_default=False,
            ),
            Scope(
                "https://www.googleapis.com/auth/gmail.send", "Sends mail as the account.", is_default=False
            ),
        ),
        revocation_url="https://oauth2.googleapis.com/revoke",
        revocation_help="myaccount.google.com → Security → Your connections to third-party apps & services.",
        lifetime_s=3_600,
        # Six months without use. An app in the state “Testing” loses its grants after seven days, used or not.
        idle_days=180,
        issuer="https://accounts.google.com",
    ),
    setup_url="https://console.cloud.google.com/apis/credentials",
    setup_steps=(
        "Enable the APIs that you will call, and fill in the consent screen.",
        "Publish the app or make it internal: while it is in Testing, Google ends every connection after seven days.",
        "Create an OAuth client id of type Web application, and paste the redirect address below as an authorized redirect URI.",
        "Copy the client id and the client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developers.google.com/identity/protocols/oauth2/web-server",
        "https://developers.google.com/identity/protocols/oauth2",
    ),
)
