"""Any service behind an OAuth 2.0 server of the team's own."""

from app.integrations.own_service import BASE_URL, CHECK_PATH, OWN_CHECK, OWN_OAUTH, own_auth_methods
from app.integrations.spec import (
    Category,
    IntegrationType,
    Provider,
)

PROVIDER = Provider(
    slug="custom",
    name="Custom OAuth 2.0",
    type=IntegrationType.CUSTOM,
    category=Category.GENERIC,
    summary="Any service whose OAuth 2.0 server you name yourself.",
    abilities=("Connect accounts, and call the service with tokens that are kept fresh.",),
    website="https://www.rfc-editor.org/rfc/rfc6749",
    colour="#6b4fa0",
    base_url="{base_url}",
    fields=(BASE_URL, CHECK_PATH),
    auth_methods=own_auth_methods(only="oauth"),
    check=OWN_CHECK,
    oauth=OWN_OAUTH,
    setup_steps=(
        "Register an application at the service, and paste the redirect address below there.",
        "Copy the addresses of its authorization and token endpoints; some services list them at /.well-known/oauth-authorization-server.",
        "Copy the client id and the client secret.",
    ),
    verified_on=None,
    source_urls=(),
)
