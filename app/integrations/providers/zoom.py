"""Zoom: meetings, webinars and people, with OAuth.

A refresh token works once, within about ninety days; that number is from the project's own research.
"""

from datetime import date

from app.integrations.readers import text_at
from app.integrations.spec import (
    AuthMethod,
    Category,
    Check,
    IntegrationType,
    OAuth,
    OAuthAuth,
    Provider,
)

PROVIDER = Provider(
    slug="zoom",
    name="Zoom",
    type=IntegrationType.REST,
    category=Category.COMMUNICATION,
    summary="Video meetings: schedule them and read their recordings.",
    abilities=(
        "Schedule a meeting when an event arrives.",
        "List meetings and recordings.",
    ),
    website="https://www.zoom.com",
    colour="#0b5cff",
    base_url="https://api.zoom.us/v2",
    auth_methods=(AuthMethod(slug="oauth", label="General app (OAuth)", placement=OAuthAuth()),),
    check=Check(
        proves="The connection is valid, and whose account it is.",
        url="{base_url}/users/me",
        read=text_at("email"),
    ),
    oauth=OAuth(
        authorization_url="https://zoom.us/oauth/authorize",
        token_url="https://zoom.us/oauth/token",
        # The app's scopes are chosen where it is registered; the request names none.
        lifetime_s=3_600,
        rotates=True,
        idle_days=90,
        revocation_url="https://zoom.us/oauth/revoke",
        revocation_help="marketplace.zoom.us → Manage → Added Apps → Remove.",
    ),
    setup_url="https://marketplace.zoom.us/develop/create",
    setup_steps=(
        "Create a General App that is managed by users.",
        "Paste the redirect address below as the OAuth redirect URL and into the allow list.",
        "Add the scopes that your calls need, user:read:user among them, and copy the client id and the client secret.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developers.zoom.us/docs/integrations/oauth/",
        "https://developers.zoom.us/blog/pcke-oauth-with-postman-rest-api/",
    ),
)
