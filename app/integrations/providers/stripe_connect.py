"""Stripe Connect: payments of an account that is connected to a platform, with OAuth, or of the team's own, with a key.

The app's client secret is the platform's secret key. Access tokens do not expire; the refresh token that comes along only
serves to get one of a lesser scope.
"""

from datetime import date

from app.integrations.readers import text_at
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
    Scope,
)

PROVIDER = Provider(
    slug="stripe-connect",
    name="Stripe Connect",
    type=IntegrationType.REST,
    category=Category.FINANCE,
    summary="Payments: customers, invoices, subscriptions and payouts.",
    abilities=(
        "Create customers and invoices when an event arrives.",
        "Read payments, subscriptions and payouts.",
    ),
    website="https://stripe.com/connect",
    colour="#635bff",
    base_url="https://api.stripe.com/v1",
    auth_methods=(
        AuthMethod(slug="oauth", label="Connect platform (OAuth)", placement=OAuthAuth()),
        AuthMethod(
            slug="key",
            label="Restricted or secret key",
            placement=HeaderAuth("Bearer {api_key}"),
            fields=(
                Field(
                    name="api_key",
                    label="API key",
                    kind="secret",
                    help="A restricted key that may do no more than the calls need.",
                    where="Stripe → Developers → API keys.",
                ),
            ),
        ),
    ),
    check=Check(
        proves="The credentials are valid, and for which account.",
        url="{base_url}/account",
        read=text_at("id"),
    ),
    oauth=OAuth(
        authorization_url="https://connect.stripe.com/oauth/authorize",
        token_url="https://connect.stripe.com/oauth/token",
        client_auth="client_secret_post",
        pkce=Pkce.OFF,
        scopes=(
            Scope("read_write", "Reads and writes everything of the connected account."),
            Scope("read_only", "Reads only.", is_default=False),
        ),
        has_refresh_tokens=False,
        answer_names=("stripe_user_id",),
        revocation=RevocationRequest(
            url="https://connect.stripe.com/oauth/deauthorize",
            headers={"Authorization": "Bearer {client_secret}"},
            body={"client_id": "{client_id}", "stripe_user_id": "{stripe_user_id}"},
            encoding="form",
            credentials="none",
            expected=(200,),
        ),
        revocation_help="Stripe → Settings → Installed apps and extensions → the platform → Disconnect.",
    ),
    setup_url="https://dashboard.stripe.com/settings/connect/onboarding-options/oauth",
    setup_steps=(
        "Enable OAuth for Standard accounts in your platform's Connect settings.",
        "Paste the redirect address below as a redirect URI.",
        "Copy the client id, which begins with ca_, and use the platform's secret key as the client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=("https://docs.stripe.com/connect/oauth-reference",),
)
