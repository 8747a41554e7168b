"""Any service with a REST API: its own address, and one of the common ways to authenticate."""

from datetime import date

from app.integrations.spec import (
    AuthMethod,
    BasicAuth,
    Category,
    Check,
    Field,
    HeaderAuth,
    IntegrationType,
    NoAuth,
    Provider,
    QueryAuth,
)

_TOKEN = Field(name="token", label="Token", kind="secret", help="Sent with every call, and shown to nobody.")

PROVIDER = Provider(
    slug="rest",
    name="REST API",
    type=IntegrationType.REST,
    category=Category.GENERIC,
    summary="Any service with an HTTP API: your own, or one that is not in the catalogue.",
    abilities=(
        "Define endpoints and call them from pages and programs, with one place for the credentials.",
    ),
    website="",
    colour="#4263eb",
    base_url="{base_url}",
    fields=(
        Field(
            name="base_url",
            label="Base address",
            kind="url",
            help="What the paths of all endpoints are added to.",
            placeholder="https://api.example.com/v1",
            max_chars=2000,
        ),
        Field(
            name="check_path",
            label="Path for tests",
            help="A path that answers 2xx to a GET when the credentials are right.",
            placeholder="/me",
            is_required=False,
            default="/",
        ),
    ),
    auth_methods=(
        AuthMethod(
            slug="bearer", label="Bearer token", placement=HeaderAuth("Bearer {token}"), fields=(_TOKEN,)
        ),
        AuthMethod(
            slug="basic",
            label="User and password",
            placement=BasicAuth("{user}", "{password}"),
            fields=(
                Field(name="user", label="User"),
                Field(name="password", label="Password", kind="secret"),
            ),
        ),
        AuthMethod(
            slug="query",
            label="Token in the query",
            placement=QueryAuth("api_key", "token"),
            fields=(_TOKEN,),
            note="For services that know no other way: addresses end up in logs.",
        ),
        AuthMethod(slug="none", label="None", placement=NoAuth()),
    ),
    check=Check(proves="The address answers, and takes the credentials.", url="{base_url}{check_path}"),
    verified_on=date(2026, 11, 21),
    source_urls=(),
)
