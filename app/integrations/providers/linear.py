"""Linear: GraphQL API, with a personal key or OAuth. All apps have refresh tokens since April 2026.

That each works once, and the address that revokes them, are from the project's own research.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.integrations.readers import graphql_text_at, refuse_error, spaced
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


def _answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    refuse_error(answer)
    return {**answer, "scope": spaced(answer.get("scope"))}


PROVIDER = Provider(
    slug="linear",
    name="Linear",
    type=IntegrationType.GRAPHQL,
    category=Category.DEVELOPMENT,
    summary="Issue tracking for software teams.",
    abilities=(
        "Create issues and comments when an event arrives.",
        "Run stored GraphQL operations.",
    ),
    website="https://linear.app",
    colour="#5e6ad2",
    base_url="https://api.linear.app/graphql",
    graphql_url="https://api.linear.app/graphql",
    auth_methods=(
        AuthMethod(slug="oauth", label="OAuth application", placement=OAuthAuth()),
        AuthMethod(
            slug="key",
            label="Personal API key",
            placement=HeaderAuth("{api_key}"),
            fields=(
                Field(
                    name="api_key",
                    label="API key",
                    kind="secret",
                    where="Linear → Settings → Security & access → Personal API keys.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and whose they are.",
        url="{base_url}",
        method="POST",
        headers={"Content-Type": "application/json"},
        body='{"query": "{ viewer { name } }"}',
        expected=(200,),
        read=graphql_text_at("viewer", "name"),
    ),
    oauth=OAuth(
        authorization_url="https://linear.app/oauth/authorize",
        token_url="https://api.linear.app/oauth/token",
        client_auth="client_secret_post",
        scope_separator=",",
        scopes=(
            Scope("read", "Reads issues, projects and the account's name."),
            Scope("issues:create", "Creates issues."),
            Scope("comments:create", "Comments on issues.", is_default=False),
            Scope("write", "Changes everything that the account may.", is_default=False),
        ),
        read_answer=_answer,
        rotates=True,
        revocation_url="https://api.linear.app/oauth/revoke",
        revocation_help="Linear → Settings → Security & access → Authorized applications.",
    ),
    setup_url="https://linear.app/settings/api/applications/new",
    setup_steps=(
        "Create an OAuth application.",
        "Paste the redirect address below as a callback URL.",
        "Copy the client id and the client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://linear.app/developers/oauth-2-0-authentication",),
)
