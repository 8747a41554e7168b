"""Asana: REST API, with a personal access token or OAuth."""

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
)

PROVIDER = Provider(
    slug="asana",
    name="Asana",
    type=IntegrationType.REST,
    category=Category.PRODUCTIVITY,
    summary="Work management: tasks, projects and portfolios.",
    abilities=(
        "Create tasks and comments when an event arrives.",
        "Read projects and the state of their tasks.",
    ),
    website="https://asana.com",
    colour="#f06a6a",
    base_url="https://app.asana.com/api/1.0",
    auth_methods=(
        AuthMethod(slug="oauth", label="OAuth app", placement=OAuthAuth()),
        AuthMethod(
            slug="token",
            label="Personal access token",
            placement=HeaderAuth("Bearer {token}"),
            fields=(
                Field(
                    name="token",
                    label="Personal access token",
                    kind="secret",
                    where="app.asana.com/0/my-apps → Personal access tokens.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and whose they are.",
        url="{base_url}/users/me",
        read=text_at("data", "name"),
    ),
    oauth=OAuth(
        authorization_url="https://app.asana.com/-/oauth_authorize",
        token_url="https://app.asana.com/-/oauth_token",
        client_auth="client_secret_post",
        scopes=(
            Scope("users:read", "Shows which account is connected."),
            Scope("tasks:read", "Reads tasks."),
            Scope("tasks:write", "Creates and changes tasks."),
            Scope("projects:read", "Lists projects."),
            Scope("workspaces:read", "Lists workspaces."),
            Scope("stories:write", "Comments on tasks.", is_default=False),
        ),
        lifetime_s=3_600,
        revocation_url="https://app.asana.com/-/oauth_revoke",
        revocation_help="Asana → Settings → Apps → Manage authorised apps.",
    ),
    setup_url="https://app.asana.com/0/my-apps",
    setup_steps=(
        "Choose Create new app.",
        "Under OAuth, paste the redirect address below, and select the permission scopes listed here.",
        "Copy the client id and the client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developers.asana.com/docs/oauth",
        "https://developers.asana.com/docs/oauth-scopes",
    ),
)
