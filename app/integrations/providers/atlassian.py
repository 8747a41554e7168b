"""Atlassian: Jira and Confluence Cloud of one site, with an API token or OAuth (3LO).

The site is chosen among those that the connection reaches, and calls go to it by its cloud id. A refresh token works once;
it is taken for ten minutes more, but the access token before it dies at once. There is no revocation endpoint. The ten minutes are from the
project's own research.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.integrations.readers import text_at
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
    Scope,
)


def _site(answer: Any, configuration: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ANN401 - foreign JSON
    listed = answer if isinstance(answer, list) else []
    sites = {
        url: cloud_id
        for each in listed
        if (url := text_at("url")(each)) and (cloud_id := text_at("id")(each))
    }
    wanted = configuration.get("site", "")
    if wanted:
        sites = {url: cloud_id for url, cloud_id in sites.items() if url == f"https://{wanted}.atlassian.net"}
    if not sites:
        raise Refused(
            "The account gives no access to that site." if wanted else "The account gives access to no site."
        )
    if len(sites) > 1:
        raise Refused(f"The account gives access to several sites ({', '.join(sites)}). Name one under Site.")
    return {"cloud_id": next(iter(sites.values()))}


PROVIDER = Provider(
    slug="atlassian",
    name="Atlassian",
    type=IntegrationType.REST,
    category=Category.DEVELOPMENT,
    summary="Jira issues and Confluence pages of a cloud site.",
    abilities=(
        "Create Jira issues and comments when an event arrives.",
        "Move issues through their workflow.",
        "Write Confluence pages.",
    ),
    website="https://www.atlassian.com",
    colour="#0052cc",
    base_url="https://api.atlassian.com/ex/{product}/{cloud_id}",
    fields=(
        Field(
            name="product",
            label="Product",
            kind="choice",
            default="jira",
            choices=(("jira", "Jira"), ("confluence", "Confluence")),
        ),
        Field(
            name="site",
            label="Site",
            form="label",
            is_required=False,
            help="Needed where the account reaches several sites, and for an API token: what stands before .atlassian.net.",
            placeholder="acme",
        ),
    ),
    auth_methods=(
        AuthMethod(slug="oauth", label="OAuth 2.0 app (3LO)", placement=OAuthAuth()),
        AuthMethod(
            slug="token",
            label="API token",
            placement=BasicAuth(user="{email}", password="{api_token}"),
            note="Calls go to the site itself; Site has to be filled in.",
            fields=(
                Field(name="email", label="E-mail address of the account"),
                Field(
                    name="api_token",
                    label="API token",
                    kind="secret",
                    where="id.atlassian.com → Security → API tokens.",
                ),
            ),
            base_url="https://{site}.atlassian.net",
            check=Check(
                proves="The token is valid for Jira, and whose it is.",
                url="{base_url}/rest/api/3/myself",
                read=text_at("displayName"),
            ),
        ),
    ),
    check=Check(
        proves="The connection is valid, and which site it reaches first.",
        url="https://api.atlassian.com/oauth/token/accessible-resources",
        read=text_at(0, "name"),
    ),
    oauth=OAuth(
        authorization_url="https://auth.atlassian.com/authorize",
        token_url="https://auth.atlassian.com/oauth/token",
        client_auth="client_secret_post",
        pkce=Pkce.UNDOCUMENTED,
        scopes=(
            Scope("offline_access", "Keeps the connection alive without asking you again."),
            Scope("read:jira-work", "Reads issues and projects."),
            Scope("write:jira-work", "Creates and changes issues."),
            Scope("read:confluence-content.all", "Reads Confluence pages.", is_default=False),
            Scope("write:confluence-content", "Writes Confluence pages.", is_default=False),
        ),
        authorization_parameters={"audience": "api.atlassian.com", "prompt": "consent"},
        rotates=True,
        grace_s=600,
        details_url="https://api.atlassian.com/oauth/token/accessible-resources",
        details_names=("cloud_id",),
        choose_details=_site,
        revocation_help="id.atlassian.com → Connected apps → Remove access.",
    ),
    setup_url="https://developer.atlassian.com/console/myapps/",
    setup_steps=(
        "Choose Create → OAuth 2.0 integration.",
        "Under Permissions, add the Jira API or the Confluence API with the scopes listed here.",
        "Under Authorization, paste the redirect address below as the callback URL.",
        "Copy the client id and the secret from Settings.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/",
        "https://developer.atlassian.com/cloud/confluence/oauth-2-3lo-apps/",
    ),
)
