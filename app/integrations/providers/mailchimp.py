"""Mailchimp: Marketing API of the account's data centre, with an API key or OAuth.

The data centre is asked for after the code was exchanged. Tokens do not expire, though the answer says `expires_in: 0`;
there are no scopes and no refresh tokens.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.integrations.readers import refuse_error, text_at
from app.integrations.spec import (
    AuthMethod,
    BasicAuth,
    Category,
    Check,
    Field,
    IntegrationType,
    OAuth,
    OAuthAuth,
    Pkce,
    Provider,
    Refused,
)


def _answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    refuse_error(answer)
    kept = {name: value for name, value in answer.items() if name not in {"expires_in", "scope"}}
    return {"token_type": "Bearer", **kept}


def _details(answer: Any) -> Mapping[str, str]:  # noqa: ANN401 - foreign JSON
    centre = text_at("dc")(answer) or ""
    if not (centre.isascii() and centre.isalnum()):
        raise Refused("Mailchimp did not say in which data centre the account is.")
    return {"dc": centre}


PROVIDER = Provider(
    slug="mailchimp",
    name="Mailchimp",
    type=IntegrationType.MARKETING,
    category=Category.MARKETING,
    summary="E-mail marketing: audiences, campaigns and automations.",
    abilities=(
        "Add people to an audience, tag them or unsubscribe them when an event arrives.",
        "Read campaigns and their reports.",
    ),
    website="https://mailchimp.com",
    colour="#ffe01b",
    base_url="https://{dc}.api.mailchimp.com/3.0",
    auth_methods=(
        AuthMethod(slug="oauth", label="Registered app (OAuth)", placement=OAuthAuth()),
        AuthMethod(
            slug="key",
            label="API key",
            placement=BasicAuth(user="signalbox", password="{api_key}"),
            fields=(
                Field(
                    name="api_key",
                    label="API key",
                    kind="secret",
                    where="Mailchimp → your picture → Account & billing → Extras → API keys.",
                ),
                Field(
                    name="dc",
                    label="Data centre",
                    form="label",
                    help="The part of the key after its hyphen.",
                    placeholder="us21",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and of which account.",
        url="{base_url}/",
        read=text_at("account_name"),
    ),
    oauth=OAuth(
        authorization_url="https://login.mailchimp.com/oauth2/authorize",
        token_url="https://login.mailchimp.com/oauth2/token",
        client_auth="client_secret_post",
        pkce=Pkce.OFF,
        has_refresh_tokens=False,
        read_answer=_answer,
        details_url="https://login.mailchimp.com/oauth2/metadata",
        details_headers={"Authorization": "OAuth {access_token}"},
        details_names=("dc",),
        read_details=_details,
        revocation_help="Mailchimp → Integrations → Manage → the app → Disconnect.",
    ),
    setup_url="https://admin.mailchimp.com/account/oauth2/",
    setup_steps=(
        "Under Extras → Registered apps, choose Register An App.",
        "Paste the redirect address below as the redirect URI.",
        "Copy the client id and the client secret; the secret is shown once.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://mailchimp.com/developer/marketing/guides/access-user-data-oauth-2/",),
)
