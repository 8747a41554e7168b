"""Zendesk: Support API of one account, with an API token or OAuth.

Tokens expire only if a lifetime is asked for, by code and by refresh alike. A refresh ends both tokens before it.
"""

from datetime import date
from typing import Any

from app.integrations.readers import text_at
from app.integrations.spec import (
    AuthMethod,
    BasicAuth,
    Category,
    Check,
    Field,
    IntegrationType,
    OAuth,
    OAuthAuth,
    Provider,
    Refused,
    RevocationRequest,
    Scope,
)

# Zendesk takes less than two days for access tokens, and less than ninety days for refresh tokens.
_LIFETIMES = {"expires_in": 86_400, "refresh_token_expires_in": 89 * 86_400}


def _account(answer: Any) -> str | None:  # noqa: ANN401 - foreign JSON
    # Without credentials the answer is a success, too: an anonymous user without an id.
    if text_at("user", "id")(answer) is None:
        raise Refused("Zendesk does not know these credentials.")
    return text_at("user", "email")(answer)


PROVIDER = Provider(
    slug="zendesk",
    name="Zendesk",
    type=IntegrationType.REST,
    category=Category.SUPPORT,
    summary="Customer support: tickets, people and help centre.",
    abilities=(
        "Create and update tickets when an event arrives.",
        "Search tickets and people.",
    ),
    website="https://www.zendesk.com",
    colour="#03363d",
    base_url="https://{subdomain}.zendesk.com/api/v2",
    fields=(
        Field(
            name="subdomain",
            label="Subdomain",
            form="label",
            help="What stands before .zendesk.com in the address of your Zendesk.",
            placeholder="acme",
        ),
    ),
    auth_methods=(
        AuthMethod(slug="oauth", label="OAuth client", placement=OAuthAuth()),
        AuthMethod(
            slug="token",
            label="API token",
            placement=BasicAuth(user="{email}/token", password="{api_token}"),
            fields=(
                Field(name="email", label="E-mail address of the agent"),
                Field(
                    name="api_token",
                    label="API token",
                    kind="secret",
                    where="Zendesk → Admin Center → Apps and integrations → APIs → API tokens.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and whose they are.",
        url="{base_url}/users/me.json",
        read=_account,
    ),
    oauth=OAuth(
        authorization_url="https://{subdomain}.zendesk.com/oauth/authorizations/new",
        token_url="https://{subdomain}.zendesk.com/oauth/tokens",
        client_auth="client_secret_post",
        sends_json=True,
        scopes=(
            Scope("read", "Reads tickets, people and settings."),
            Scope("write", "Creates and changes tickets and people."),
        ),
        token_parameters=_LIFETIMES,
        refresh_parameters=_LIFETIMES,
        rotates=True,
        idle_days=89,
        revocation=RevocationRequest(
            url="https://{subdomain}.zendesk.com/api/v2/oauth/tokens/current.json",
            method="DELETE",
            expected=(204,),
        ),
        revocation_help="Zendesk → Admin Center → Apps and integrations → APIs → OAuth clients.",
    ),
    setup_url="https://support.zendesk.com/hc/en-us/articles/4408845965210",
    setup_steps=(
        "In the Admin Center, open Apps and integrations → APIs → OAuth clients and add a client of the kind Confidential.",
        "Paste the redirect address below as a redirect URL.",
        "Copy the identifier as the client id, and the secret, which is shown once.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developer.zendesk.com/api-reference/ticketing/oauth/grant_type_tokens/",
        "https://developer.zendesk.com/documentation/api-basics/authentication/refresh-token",
        "https://developer.zendesk.com/documentation/api-basics/authentication/revoking-oauth-token",
    ),
)
