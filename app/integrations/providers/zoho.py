"""Zoho CRM: REST API of the account's data centre, with OAuth.

The callback says in `accounts-server` where the account lives, and the answer in `api_domain` where its API is. Errors come
with 200.
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
    IntegrationType,
    OAuth,
    OAuthAuth,
    Pkce,
    Provider,
    RevocationRequest,
    Scope,
)

_DOMAINS = (
    "zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zoho.com.cn", "zoho.jp", "zoho.sa", "zoho.uk", "zohocloud.ca",
)  # fmt: skip
# The Canadian data centre is zohocloud.ca for accounts and zohoapis.ca for the API.
_ACCOUNTS_SERVERS = frozenset(f"accounts.{domain}" for domain in _DOMAINS)
_API_DOMAINS = tuple(
    f"zohoapis.{end}" for end in ("com", "eu", "in", "com.au", "com.cn", "jp", "sa", "uk", "ca")
)
_ERRORS = {"invalid_code": "invalid_grant", "invalid_client_secret": "invalid_client"}


def _callback(query: Mapping[str, str], configuration: Mapping[str, str], _secret: str) -> Mapping[str, str]:
    told = query.get("accounts-server") or f"https://accounts.{configuration.get('data_centre', '')}"
    # The code and the app's secret are sent there, so it must be one of Zoho's own.
    return {"accounts_server": origin_below(told, _ACCOUNTS_SERVERS)}


def _answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    refuse_error(answer, _ERRORS)
    if "api_domain" not in answer:
        return answer
    return {**answer, "api_domain": origin_below(answer["api_domain"], _API_DOMAINS)}


PROVIDER = Provider(
    slug="zoho",
    name="Zoho CRM",
    type=IntegrationType.CRM,
    category=Category.CRM,
    summary="Customer relationship management: leads, contacts, deals and custom modules.",
    abilities=(
        "Create or update leads, contacts and deals when an event arrives.",
        "Search records, also with COQL queries.",
    ),
    website="https://www.zoho.com/crm/",
    colour="#e42527",
    base_url="{api_domain}/crm/v8",
    fields=(
        Field(
            name="data_centre",
            label="Data centre",
            kind="choice",
            default="zoho.com",
            choices=tuple((domain, domain) for domain in _DOMAINS),
            help="The end of the address that you see when you are signed in to Zoho.",
        ),
    ),
    auth_methods=(
        AuthMethod(slug="oauth", label="OAuth client", placement=OAuthAuth("Zoho-oauthtoken {access_token}")),
    ),
    check=Check(
        proves="The connection is valid, and of which organisation.",
        url="{base_url}/org",
        read=text_at("org", 0, "company_name"),
    ),
    oauth=OAuth(
        authorization_url="https://accounts.{data_centre}/oauth/v2/auth",
        token_url="{accounts_server}/oauth/v2/token",
        client_auth="client_secret_post",
        pkce=Pkce.UNDOCUMENTED,
        scope_separator=",",
        scopes=(
            Scope("ZohoCRM.org.READ", "Shows which organisation is connected."),
            Scope("ZohoCRM.modules.ALL", "Reads and writes records of all modules."),
            Scope("ZohoCRM.settings.READ", "Reads the fields of modules.", is_default=False),
            Scope("ZohoCRM.coql.READ", "Runs COQL queries.", is_default=False),
        ),
        authorization_parameters={"access_type": "offline", "prompt": "consent"},
        callback_names=("accounts_server",),
        read_callback=_callback,
        answer_names=("api_domain",),
        read_answer=_answer,
        lifetime_s=3_600,
        revocation=RevocationRequest(
            url="{accounts_server}/oauth/v2/token/revoke?token={token}",
            revokes="refresh_token",
            credentials="none",
        ),
        revocation_help="accounts.zoho.com → Sessions → Connected Apps.",
    ),
    setup_url="https://api-console.zoho.com",
    setup_steps=(
        "Choose Add Client → Server-based Applications.",
        "Paste the redirect address below as the authorized redirect URI.",
        "Under Settings, allow the other data centres if your accounts live in several.",
        "Copy the client id and the client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://www.zoho.com/crm/developer/docs/api/v8/revoke-tokens.html",
        "https://www.zoho.com/contracts/api/getting-started/refreshing-access-tokens.html",
        "https://www.zoho.com/pdfeditor/help/api/oauth-step4.html",
    ),
)
