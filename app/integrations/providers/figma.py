"""Figma: REST API, with a personal access token or OAuth.

Refreshes go to an address of their own, and bring an access token without a new refresh token. That is from the project's own
research.
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
    slug="figma",
    name="Figma",
    type=IntegrationType.DESIGN,
    category=Category.DESIGN,
    summary="Interface design: files, comments and exported images.",
    abilities=(
        "Post comments on a file when an event arrives.",
        "Export images of frames and read a file's contents.",
    ),
    website="https://www.figma.com",
    colour="#f24e1e",
    base_url="https://api.figma.com",
    auth_methods=(
        AuthMethod(slug="oauth", label="OAuth app", placement=OAuthAuth()),
        AuthMethod(
            slug="token",
            label="Personal access token",
            placement=HeaderAuth("{token}", header="X-Figma-Token"),
            fields=(
                Field(
                    name="token",
                    label="Personal access token",
                    kind="secret",
                    help="Give it the scope current_user:read beside those of the calls.",
                    where="Figma → Settings → Security → Personal access tokens.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and whose they are.",
        url="{base_url}/v1/me",
        read=text_at("email"),
    ),
    oauth=OAuth(
        authorization_url="https://www.figma.com/oauth",
        token_url="https://api.figma.com/v1/oauth/token",
        refresh_url="https://api.figma.com/v1/oauth/refresh",
        pkce=Pkce.UNDOCUMENTED,
        scopes=(
            Scope("current_user:read", "Shows which account is connected."),
            Scope("file_content:read", "Reads files and exports images."),
            Scope("file_comments:read", "Reads comments."),
            Scope("file_comments:write", "Posts comments."),
            Scope("file_metadata:read", "Reads names and dates of files.", is_default=False),
        ),
        revocation_help="Figma → Settings → Security → Connected apps.",
    ),
    setup_url="https://www.figma.com/developers/apps",
    setup_steps=(
        "Choose Create a new app.",
        "Paste the redirect address below as a redirect URL, and select the scopes listed here.",
        "Copy the client id and the client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developers.figma.com/docs/rest-api/authentication/",
        "https://developers.figma.com/docs/rest-api/scopes/",
    ),
)
