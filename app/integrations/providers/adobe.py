"""Adobe: APIs of Creative Cloud and Document Cloud, with OAuth through Adobe's identity service (IMS).

Each API has a host of its own, and every call carries the app's client id. That a grant lasts fourteen days is from the
project's own research, not from Adobe's pages.
"""

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
    Scope,
)

PROVIDER = Provider(
    slug="adobe",
    name="Adobe",
    type=IntegrationType.DESIGN,
    category=Category.DESIGN,
    summary="Creative Cloud, Lightroom and other Adobe APIs.",
    abilities=(
        "Call any Adobe API that acts for a person, such as Lightroom or Creative Cloud Libraries.",
        "Collect assets that a team publishes.",
    ),
    website="https://www.adobe.com",
    colour="#eb1000",
    base_url="https://{api_host}",
    headers={"x-api-key": "{client_id}"},
    fields=(
        Field(
            name="api_host",
            label="Host of the API",
            form="host",
            help="Each Adobe API has a host of its own; its reference names it.",
            where="developer.adobe.com → the API → API reference.",
            placeholder="lr.adobe.io",
        ),
    ),
    auth_methods=(AuthMethod(slug="oauth", label="OAuth web app", placement=OAuthAuth()),),
    check=Check(
        proves="The connection is valid, and whose account it is. It does not call the API itself.",
        url="https://ims-na1.adobelogin.com/ims/userinfo/v2",
        read=text_at("email"),
    ),
    oauth=OAuth(
        authorization_url="https://ims-na1.adobelogin.com/ims/authorize/v2",
        token_url="https://ims-na1.adobelogin.com/ims/token/v3",
        pkce=Pkce.UNDOCUMENTED,
        scope_separator=",",
        scopes=(
            Scope("openid", "Shows which account is connected."),
            Scope("email", "Shows the account's address."),
            Scope("offline_access", "Keeps the connection alive without asking you again."),
            Scope("creative_sdk", "Calls the Creative Cloud APIs.", is_default=False),
            Scope("lr_partner_apis", "Calls the Lightroom API.", is_default=False),
        ),
        revocation_url="https://ims-na1.adobelogin.com/ims/revoke",
        revocation_help="account.adobe.com → Account and security → Connected applications.",
        idle_days=14,
        issuer="https://ims-na1.adobelogin.com",
    ),
    setup_url="https://developer.adobe.com/console",
    setup_steps=(
        "Create a project, and add the API that you will call.",
        "Choose user authentication → OAuth Web App.",
        "Paste the redirect address below as the default redirect URI, and as the pattern with its dots and slashes escaped.",
        "Copy the client id and the client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developer.adobe.com/developer-console/docs/guides/authentication/UserAuthentication/ims",
    ),
)
