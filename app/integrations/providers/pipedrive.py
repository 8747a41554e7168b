"""Pipedrive: REST API of one company, with an API token or OAuth.

The company's address comes with the tokens. Pipedrive also sends DELETE to the redirect address, with HTTP Basic, when
somebody uninstalls the app.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.integrations.readers import origin_below, refuse_error, text_at
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
)

_DOMAINS = ("pipedrive.com",)


def _answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    refuse_error(answer)
    if "api_domain" not in answer:
        return answer
    return {**answer, "api_domain": origin_below(answer["api_domain"], _DOMAINS)}


PROVIDER = Provider(
    slug="pipedrive",
    name="Pipedrive",
    type=IntegrationType.CRM,
    category=Category.CRM,
    summary="Sales pipeline: deals, leads, people and organisations.",
    abilities=(
        "Create or update deals, leads and people when an event arrives.",
        "Search records and read their activities.",
    ),
    website="https://www.pipedrive.com",
    colour="#017737",
    base_url="{api_domain}",
    auth_methods=(
        AuthMethod(slug="oauth", label="Marketplace app (OAuth)", placement=OAuthAuth()),
        AuthMethod(
            slug="token",
            label="API token",
            placement=HeaderAuth("{token}", header="x-api-token"),
            fields=(
                Field(
                    name="api_domain",
                    label="Address of your Pipedrive",
                    kind="url",
                    help="As your browser shows it, up to pipedrive.com.",
                    placeholder="https://acme.pipedrive.com",
                ),
                Field(
                    name="token",
                    label="API token",
                    kind="secret",
                    help="It may do whatever the person may do to whom it belongs.",
                    where="Pipedrive → your picture → Personal preferences → API.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and whose they are.",
        url="{base_url}/v1/users/me",
        read=text_at("data", "email"),
    ),
    oauth=OAuth(
        authorization_url="https://oauth.pipedrive.com/oauth/authorize",
        token_url="https://oauth.pipedrive.com/oauth/token",
        pkce=Pkce.OFF,
        # What the app may do is chosen where it is registered; the request names no scopes.
        answer_names=("api_domain",),
        read_answer=_answer,
        revocation_url="https://oauth.pipedrive.com/oauth/revoke",
        revocation_help="Pipedrive → Tools and apps → Installed apps → Uninstall.",
    ),
    setup_url="https://developers.pipedrive.com",
    setup_steps=(
        "In the Developer Hub, create a private app.",
        "Paste the redirect address below as the callback URL; an app has only one.",
        "Under OAuth & access scopes, choose what the app may do.",
        "Copy the client id and the client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://pipedrive.readme.io/docs/marketplace-oauth-authorization",
        "https://pipedrive.readme.io/docs/app-uninstallation",
    ),
)
