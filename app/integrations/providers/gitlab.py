"""GitLab: REST and GraphQL APIs of gitlab.com or of a server of the team's own, with a token or OAuth."""

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
    slug="gitlab",
    name="GitLab",
    type=IntegrationType.REST,
    category=Category.DEVELOPMENT,
    summary="Code hosting: projects, issues, merge requests and pipelines.",
    abilities=(
        "Create issues and comments when an event arrives.",
        "Start pipelines and read their results.",
        "Run stored GraphQL operations.",
    ),
    website="https://about.gitlab.com",
    colour="#fc6d26",
    base_url="https://{host}/api/v4",
    graphql_url="https://{host}/api/graphql",
    fields=(
        Field(
            name="host",
            label="Host",
            form="host",
            default="gitlab.com",
            help="The host of your own GitLab, if it is not gitlab.com.",
            placeholder="gitlab.example.com",
        ),
    ),
    auth_methods=(
        AuthMethod(slug="oauth", label="Application (OAuth)", placement=OAuthAuth()),
        AuthMethod(
            slug="token",
            label="Access token",
            placement=HeaderAuth("{token}", header="PRIVATE-TOKEN"),
            fields=(
                Field(
                    name="token",
                    label="Access token",
                    kind="secret",
                    help="A token of a person, a group or a project, with the scope api or read_api.",
                    where="GitLab → your picture → Edit profile → Access tokens.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and whose they are.",
        url="{base_url}/user",
        read=text_at("username"),
    ),
    oauth=OAuth(
        authorization_url="https://{host}/oauth/authorize",
        token_url="https://{host}/oauth/token",
        client_auth="client_secret_post",
        scopes=(
            Scope("read_user", "Shows which account is connected."),
            Scope("api", "Reads and writes everything that the account may."),
            Scope("read_api", "Reads only.", is_default=False),
        ),
        lifetime_s=7_200,
        rotates=True,
        revocation_url="https://{host}/oauth/revoke",
        revocation_help="GitLab → Edit profile → Applications → Authorized applications.",
    ),
    setup_url="https://gitlab.com/-/user_settings/applications",
    setup_steps=(
        "On your GitLab, open Edit profile → Applications, or the same page of a group.",
        "Paste the redirect address below as the redirect URI, and leave Confidential on.",
        "Select the scopes listed here, and copy the application id and the secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://docs.gitlab.com/api/oauth2/",),
)
