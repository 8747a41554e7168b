"""GitHub: REST and GraphQL APIs, with a personal access token or an OAuth app.

Errors come with 200, and granted scopes separated by commas.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.integrations.readers import refuse_error, spaced, text_at
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
    RevocationRequest,
    Scope,
)

_ERRORS = {
    "bad_verification_code": "invalid_grant",
    "bad_refresh_token": "invalid_grant",
    "incorrect_client_credentials": "invalid_client",
}


def _answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    refuse_error(answer, _ERRORS)
    return {**answer, "scope": spaced(answer.get("scope"))}


PROVIDER = Provider(
    slug="github",
    name="GitHub",
    type=IntegrationType.REST,
    category=Category.DEVELOPMENT,
    summary="Code hosting: repositories, issues, pull requests and releases.",
    abilities=(
        "Call any endpoint of the REST API, such as creating an issue from a support ticket.",
        "Run stored GraphQL operations.",
    ),
    website="https://github.com",
    colour="#181717",
    base_url="https://api.github.com",
    graphql_url="https://api.github.com/graphql",
    headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
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
                    help="A fine-grained token of an account that may do no more than is needed here.",
                    where="GitHub → your picture → Settings → Developer settings → Personal access tokens.",
                    placeholder="github_pat_…",
                ),
            ),
        ),
    ),
    check=Check(proves="The token is valid, and whose it is.", url="{base_url}/user", read=text_at("login")),
    oauth=OAuth(
        authorization_url="https://github.com/login/oauth/authorize",
        token_url="https://github.com/login/oauth/access_token",
        client_auth="client_secret_post",
        scopes=(
            Scope("read:user", "Shows which account is connected."),
            Scope("repo", "Reads and writes issues, pull requests and code of private repositories."),
            Scope("public_repo", "The same, of public repositories only.", is_default=False),
            Scope("read:org", "Reads the organisations and teams of the account.", is_default=False),
        ),
        read_answer=_answer,
        # Tokens of OAuth apps live until they are revoked, or unused for a year.
        has_refresh_tokens=False,
        idle_days=365,
        revocation=RevocationRequest(
            url="https://api.github.com/applications/{client_id}/token",
            method="DELETE",
            body={"access_token": "{token}"},
            credentials="client_basic",
        ),
        revocation_help="GitHub → Settings → Applications → Authorized OAuth Apps.",
    ),
    setup_url="https://github.com/settings/developers",
    setup_steps=(
        "Open Settings → Developer settings → OAuth Apps and choose New OAuth App.",
        "Paste the redirect address below as the authorization callback URL.",
        "Copy the client id, and generate a client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps",),
)
