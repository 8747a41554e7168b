"""QuickBooks Online: Accounting API of one company, with OAuth.

The callback says in `realmId` which company it is. A grant dies after a hundred days without a refresh, and after five years
in any case. The revocation request is from the project's own research.
"""

from collections.abc import Mapping
from datetime import date

from app.integrations.readers import text_at
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
    Refused,
    RevocationRequest,
    Scope,
)


def _callback(query: Mapping[str, str], _configuration: Mapping[str, str], _secret: str) -> Mapping[str, str]:
    realm = query.get("realmId", "")
    if not (realm.isascii() and realm.isdigit() and len(realm) <= 30):
        raise Refused("QuickBooks did not say which company was connected.")
    return {"realm_id": realm}


PROVIDER = Provider(
    slug="quickbooks",
    name="QuickBooks Online",
    type=IntegrationType.REST,
    category=Category.FINANCE,
    summary="Accounting: invoices, customers, payments and reports.",
    abilities=(
        "Create invoices and customers when an event arrives.",
        "Query what is on the books.",
    ),
    website="https://quickbooks.intuit.com",
    colour="#2ca01c",
    base_url="https://{api_host}/v3/company/{realm_id}",
    headers={"Accept": "application/json"},
    fields=(
        Field(
            name="api_host",
            label="Environment",
            kind="choice",
            default="quickbooks.api.intuit.com",
            choices=(
                ("quickbooks.api.intuit.com", "Production"),
                ("sandbox-quickbooks.api.intuit.com", "Sandbox"),
            ),
            help="The sandbox belongs to the app's development keys.",
        ),
    ),
    auth_methods=(AuthMethod(slug="oauth", label="Intuit app (OAuth)", placement=OAuthAuth()),),
    check=Check(
        proves="The connection is valid, and of which company.",
        url="{base_url}/companyinfo/{realm_id}",
        read=text_at("CompanyInfo", "CompanyName"),
    ),
    oauth=OAuth(
        authorization_url="https://appcenter.intuit.com/connect/oauth2",
        token_url="https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",
        pkce=Pkce.UNDOCUMENTED,
        scopes=(Scope("com.intuit.quickbooks.accounting", "Reads and writes the company's books."),),
        callback_names=("realm_id",),
        read_callback=_callback,
        lifetime_s=3_600,
        idle_days=100,
        hard_days=5 * 365,
        revocation=RevocationRequest(
            url="https://developer.api.intuit.com/v2/oauth2/tokens/revoke",
            body={"token": "{token}"},
            revokes="refresh_token",
            credentials="client_basic",
            expected=(200,),
        ),
        revocation_help="QuickBooks → Apps → My apps → Disconnect.",
    ),
    setup_url="https://developer.intuit.com/app/developer/dashboard",
    setup_steps=(
        "Create an app for QuickBooks Online with the accounting scope.",
        "Under Keys & OAuth, paste the redirect address below as a redirect URI.",
        "Copy the client id and the client secret of the environment that you chose.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/oauth-2.0",
        "https://blogs.intuit.com/2024/06/03/oauth-token-management-done-the-right-way/",
    ),
)
