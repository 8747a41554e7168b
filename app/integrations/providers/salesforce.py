"""Salesforce: REST API of one organisation, with OAuth.

The organisation's address comes with the tokens. Answers carry no lifetime: it is asked for (RFC 7662). Organisations
may let refresh tokens work once, and partners' apps have to, so each is taken to work once.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.integrations.readers import origin_below, refuse_error
from app.integrations.spec import (
    AuthMethod,
    Category,
    Check,
    Field,
    IntegrationType,
    OAuth,
    OAuthAuth,
    Pkce,
    Provider,
    Scope,
)

# What Salesforce calls its own: production, My Domain, Experience Cloud, and the government's and China's.
_DOMAINS = (
    "salesforce.com",
    "force.com",
    "cloudforce.com",
    "salesforce.mil",
    "sfcrmproducts.cn",
    "sfcrmapps.cn",
)


def _answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    refuse_error(answer)
    if "instance_url" not in answer:
        return answer
    return {**answer, "instance_url": origin_below(answer["instance_url"], _DOMAINS)}


PROVIDER = Provider(
    slug="salesforce",
    name="Salesforce",
    type=IntegrationType.CRM,
    category=Category.CRM,
    summary="Customer relationship management: leads, accounts, opportunities and cases.",
    abilities=(
        "Create or update leads, contacts and any other record when an event arrives.",
        "Query records with SOQL.",
        "Call your own Apex REST services.",
    ),
    website="https://www.salesforce.com",
    colour="#00a1e0",
    base_url="{instance_url}",
    fields=(
        Field(
            name="login_host",
            label="Sign-in host",
            form="host",
            default="login.salesforce.com",
            help="Use test.salesforce.com for a sandbox, or the host of your My Domain.",
            where="Salesforce → Setup → Company Settings → My Domain.",
            placeholder="login.salesforce.com",
        ),
    ),
    auth_methods=(AuthMethod(slug="oauth", label="External client app (OAuth)", placement=OAuthAuth()),),
    check=Check(
        proves="The connection is valid and may call the REST API.",
        url="{base_url}/services/data/v62.0/limits",
    ),
    oauth=OAuth(
        authorization_url="https://{login_host}/services/oauth2/authorize",
        token_url="https://{login_host}/services/oauth2/token",
        client_auth="client_secret_post",
        pkce=Pkce.SUPPORTED,
        scopes=(
            Scope("api", "Reads and writes records through the APIs."),
            Scope("refresh_token", "Keeps the connection alive without asking you again."),
            Scope(
                "full",
                "Everything the user may do; the other scopes are enough for most uses.",
                is_default=False,
            ),
        ),
        answer_names=("instance_url",),
        read_answer=_answer,
        revocation_url="https://{login_host}/services/oauth2/revoke",
        revocation_help="Salesforce → Setup → Connected Apps OAuth Usage.",
        introspection_url="{instance_url}/services/oauth2/introspect",
        rotates=True,
    ),
    setup_steps=(
        "In Salesforce, open Setup → External Client App Manager and choose New External Client App.",
        "Enable OAuth, paste the redirect address below as the callback URL, and select the scopes listed here.",
        "Require PKCE, which is used here, and copy the consumer key and the consumer secret.",
    ),
    setup_url="https://login.salesforce.com/lightning/setup/ManageExternalClientApplication/home",
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developer.salesforce.com/docs/atlas.en-us.packagingGuide.meta/packagingGuide/secure_code_ac_eca.htm",
        "https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_revoke_token.htm&language=en_US&type=5",
        "https://help.salesforce.com/s/articleView?id=005316711&language=en_US&type=1",
    ),
)
