"""Shopify: Admin API of one shop, with a custom app's token or OAuth.

The callback is signed with the app's secret. Tokens that expire have to be asked for; then each refresh token works once,
and the shop's tokens before it are revoked. Answers name no token type.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

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
    Pkce,
    Provider,
    Refused,
    Scope,
    Sunset,
)


def _callback(query: Mapping[str, str], configuration: Mapping[str, str], secret: str) -> Mapping[str, str]:
    signed = urlencode(sorted((name, value) for name, value in query.items() if name != "hmac"))
    expected = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not secret or not hmac.compare_digest(expected.encode(), query.get("hmac", "").encode()):
        raise Refused(
            "The signature is not Shopify's: the callback was changed on its way, or the app's secret is wrong."
        )
    if query.get("shop") != f"{configuration.get('shop', '').lower()}.myshopify.com":
        raise Refused("Another shop was connected than the one that is filled in.")
    return {}


def _answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    refuse_error(answer)
    return {"token_type": "Bearer", **answer, "scope": spaced(answer.get("scope"))}


_IN_HEADER = "X-Shopify-Access-Token"

PROVIDER = Provider(
    slug="shopify",
    name="Shopify",
    type=IntegrationType.REST,
    category=Category.COMMERCE,
    summary="Online shops: orders, products and customers.",
    abilities=(
        "Read orders and customers, and update products, when an event arrives.",
        "Run stored GraphQL operations of the Admin API.",
    ),
    website="https://www.shopify.com",
    colour="#7ab55c",
    base_url="https://{shop}.myshopify.com/admin/api/{api_version}",
    graphql_url="https://{shop}.myshopify.com/admin/api/{api_version}/graphql.json",
    fields=(
        Field(
            name="shop",
            label="Shop",
            form="label",
            help="What stands before .myshopify.com, which is not the shop's public name.",
            where="Shopify admin → Settings → Domains.",
            placeholder="acme-store",
        ),
        Field(
            name="api_version",
            label="Version of the API",
            form="path_segment",
            default="2026-10",
            help="Shopify supports each quarter's version for a year.",
            placeholder="2026-10",
        ),
    ),
    auth_methods=(
        AuthMethod(
            slug="oauth", label="App (OAuth)", placement=OAuthAuth("{access_token}", header=_IN_HEADER)
        ),
        AuthMethod(
            slug="token",
            label="Custom app's token",
            placement=HeaderAuth("{token}", header=_IN_HEADER),
            fields=(
                Field(
                    name="token",
                    label="Admin API access token",
                    kind="secret",
                    where="Shopify admin → Settings → Apps and sales channels → Develop apps → your app → API credentials.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and for which shop.",
        url="{base_url}/graphql.json",
        method="POST",
        headers={"Content-Type": "application/json"},
        body='{"query": "{ shop { name } }"}',
        expected=(200,),
        read=graphql_text_at("shop", "name"),
    ),
    oauth=OAuth(
        authorization_url="https://{shop}.myshopify.com/admin/oauth/authorize",
        token_url="https://{shop}.myshopify.com/admin/oauth/access_token",
        client_auth="client_secret_post",
        pkce=Pkce.UNDOCUMENTED,
        scope_separator=",",
        scopes=(
            Scope("read_orders", "Reads orders of the last sixty days."),
            Scope("read_products", "Reads products."),
            Scope("write_products", "Creates and changes products.", is_default=False),
            Scope("read_customers", "Reads customers.", is_default=False),
            Scope("write_orders", "Changes orders.", is_default=False),
        ),
        token_parameters={"expiring": 1},
        read_callback=_callback,
        read_answer=_answer,
        lifetime_s=3_600,
        rotates=True,
        idle_days=90,
        revocation_help="Shopify admin → Settings → Apps and sales channels → the app → Uninstall.",
    ),
    setup_url="https://partners.shopify.com",
    setup_steps=(
        "Create an app in the Dev Dashboard.",
        "Paste the redirect address below as an allowed redirection URL, and add the scopes listed here.",
        "Copy the client id and the client secret.",
    ),
    sunsets=(
        Sunset(
            on=date(2027, 1, 1),
            what="Shopify takes tokens of public apps only if they expire.",
            instead="Connect again with OAuth if the connection is older: expiring tokens are asked for now.",
        ),
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/offline-access-tokens",
        "https://shopify.dev/changelog/offline-access-tokens-now-support-expiry-and-refresh",
        "https://github.com/Shopify/shopify-api-ruby/blob/main/lib/shopify_api/auth/oauth/auth_query.rb",
    ),
)
