"""Notion: pages and databases, with an internal integration's token or OAuth.

The token endpoint wants JSON and HTTP Basic, and names errors in `code`. Answers carry no lifetime; refresh tokens work once.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.integrations.readers import refuse_error, text_at
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

_VERSION = "2025-09-03"


def _answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    refuse_error(answer)
    refuse_error(answer, member="code")
    return answer


PROVIDER = Provider(
    slug="notion",
    name="Notion",
    type=IntegrationType.REST,
    category=Category.PRODUCTIVITY,
    summary="Pages, databases and comments of a workspace.",
    abilities=(
        "Add a row to a database or a page when an event arrives.",
        "Query databases and read pages.",
    ),
    website="https://www.notion.com",
    colour="#000000",
    base_url="https://api.notion.com/v1",
    headers={"Notion-Version": _VERSION},
    auth_methods=(
        AuthMethod(slug="oauth", label="Public integration (OAuth)", placement=OAuthAuth()),
        AuthMethod(
            slug="token",
            label="Internal integration",
            placement=HeaderAuth("Bearer {token}"),
            fields=(
                Field(
                    name="token",
                    label="Integration secret",
                    kind="secret",
                    help="Share the pages that it is meant to reach with the integration in Notion.",
                    where="notion.so/profile/integrations → your integration → Configuration.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The token is valid, and of which integration.",
        url="{base_url}/users/me",
        read=text_at("name"),
    ),
    oauth=OAuth(
        authorization_url="https://api.notion.com/v1/oauth/authorize",
        token_url="https://api.notion.com/v1/oauth/token",
        sends_json=True,
        pkce=Pkce.UNDOCUMENTED,
        # What it may do is chosen where the integration is registered, and page by page by the person.
        authorization_parameters={"owner": "user"},
        read_answer=_answer,
        rotates=True,
        revocation=RevocationRequest(
            url="https://api.notion.com/v1/oauth/revoke",
            headers={"Notion-Version": _VERSION},
            body={"token": "{token}"},
            credentials="client_basic",
        ),
        revocation_help="Notion → Settings → Connections.",
    ),
    setup_url="https://www.notion.so/profile/integrations",
    setup_steps=(
        "Create an integration and make it public.",
        "Paste the redirect address below as a redirect URI.",
        "Choose its capabilities, and copy the OAuth client id and the secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developers.notion.com/reference/create-a-token",
        "https://developers.notion.com/reference/refresh-a-token",
        "https://developers.notion.com/reference/revoke-token",
    ),
)
