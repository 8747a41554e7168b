"""Xero: Accounting API of one organisation, with OAuth.

A connection may reach several organisations (tenants); every call names one. A refresh token works once, and thirty minutes
more in case its answer was lost. The revocation endpoint and both lifetimes are from the project's own research.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

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
    Scope,
    Sunset,
)


def _tenant(answer: Any, configuration: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ANN401 - foreign JSON
    listed = answer if isinstance(answer, list) else []
    tenants = [(text_at("tenantName")(each) or "", text_at("tenantId")(each)) for each in listed]
    wanted = configuration.get("organisation", "").casefold()
    found = {tenant: name for name, tenant in tenants if tenant and (not wanted or name.casefold() == wanted)}
    if not found:
        raise Refused(
            "The account gives no access to that organisation."
            if wanted
            else "The account has no organisation."
        )
    if len(found) > 1:
        raise Refused(f"The account reaches several organisations ({', '.join(found.values())}). Name one.")
    return {"tenant_id": next(iter(found))}


PROVIDER = Provider(
    slug="xero",
    name="Xero",
    type=IntegrationType.REST,
    category=Category.FINANCE,
    summary="Accounting: invoices, contacts, payments and bank transactions.",
    abilities=(
        "Create invoices and contacts when an event arrives.",
        "Read invoices and their payments.",
    ),
    website="https://www.xero.com",
    colour="#13b5ea",
    base_url="https://api.xero.com/api.xro/2.0",
    headers={"Xero-Tenant-Id": "{tenant_id}", "Accept": "application/json"},
    fields=(
        Field(
            name="organisation",
            label="Organisation",
            is_required=False,
            help="Needed where the account reaches several: its name, as Xero shows it.",
        ),
    ),
    auth_methods=(AuthMethod(slug="oauth", label="Web app (OAuth)", placement=OAuthAuth()),),
    check=Check(
        proves="The connection is valid, and of which organisation.",
        url="{base_url}/Organisation",
        read=text_at("Organisations", 0, "Name"),
    ),
    oauth=OAuth(
        authorization_url="https://login.xero.com/identity/connect/authorize",
        token_url="https://identity.xero.com/connect/token",
        pkce=Pkce.UNDOCUMENTED,
        scopes=(
            Scope("offline_access", "Keeps the connection alive without asking you again."),
            Scope("accounting.settings.read", "Shows which organisation is connected."),
            Scope("accounting.contacts", "Reads and writes contacts."),
            Scope("accounting.invoices", "Reads and writes invoices; of apps made since 2 March 2026."),
            Scope(
                "accounting.payments",
                "Reads and writes payments; of apps made since 2 March 2026.",
                is_default=False,
            ),
            Scope("accounting.transactions", "Both, of apps made before.", is_default=False),
        ),
        lifetime_s=1_800,
        rotates=True,
        grace_s=1_800,
        idle_days=60,
        details_url="https://api.xero.com/connections",
        details_names=("tenant_id",),
        choose_details=_tenant,
        revocation_url="https://identity.xero.com/connect/revocation",
        revocation_help="Xero → Settings → Connected apps → Disconnect.",
        issuer="https://identity.xero.com",
    ),
    setup_url="https://developer.xero.com/app/manage",
    setup_steps=(
        "Choose New app → Web app.",
        "Paste the redirect address below as a redirect URI.",
        "Under Configuration, copy the client id and generate a secret.",
    ),
    sunsets=(
        Sunset(
            on=date(2027, 9, 1),
            what="During September 2027 Xero ends the scopes accounting.transactions and accounting.reports.read.",
            instead="Connect again with accounting.invoices, accounting.payments and the other scopes of single kinds.",
        ),
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://developer.xero.com/faq/granular-scopes",),
)
