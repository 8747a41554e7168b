"""Any REST API: its address, and the usual ways to authenticate."""

from app.integrations.own_service import BASE_URL, CHECK_PATH, OWN_CHECK, OWN_OAUTH, own_auth_methods
from app.integrations.spec import (
    Category,
    IntegrationType,
    Provider,
)

PROVIDER = Provider(
    slug="rest",
    name="REST API",
    type=IntegrationType.REST,
    category=Category.GENERIC,
    summary="Any service that speaks HTTP and JSON, at an address of your choice.",
    abilities=(
        "Define the calls that you need, and run them by hand, over the API or when an event arrives.",
    ),
    website="https://www.rfc-editor.org/rfc/rfc9110",
    colour="#3d5a80",
    base_url="{base_url}",
    fields=(BASE_URL, CHECK_PATH),
    auth_methods=own_auth_methods(),
    check=OWN_CHECK,
    oauth=OWN_OAUTH,
    verified_on=None,
    source_urls=(),
)
