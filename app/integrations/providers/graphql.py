"""Any GraphQL API: its endpoint, and the usual ways to authenticate."""

from app.integrations.own_service import BASE_URL, OWN_OAUTH, own_auth_methods
from app.integrations.readers import graphql_text_at
from app.integrations.spec import (
    Category,
    Check,
    IntegrationType,
    Provider,
)

PROVIDER = Provider(
    slug="graphql",
    name="GraphQL API",
    type=IntegrationType.GRAPHQL,
    category=Category.GENERIC,
    summary="Any GraphQL server, at an address of your choice.",
    abilities=("Store its schema, check operations against every version of it, and run them.",),
    website="https://graphql.org",
    colour="#e10098",
    base_url="{base_url}",
    graphql_url="{base_url}",
    fields=(BASE_URL,),
    auth_methods=own_auth_methods(),
    check=Check(
        proves="A GraphQL server answers, and takes the credentials if it asks for any.",
        url="{base_url}",
        method="POST",
        headers={"Content-Type": "application/json"},
        body='{"query": "{ __typename }"}',
        expected=(200,),
        read=graphql_text_at("__typename"),
    ),
    oauth=OWN_OAUTH,
    verified_on=None,
    source_urls=(),
)
