"""What the catalogue's entries for services of the team's own share: their address, and the usual ways to authenticate."""

from dataclasses import replace

from app.integrations.spec import (
    AuthMethod,
    BasicAuth,
    Check,
    Field,
    HeaderAuth,
    NoAuth,
    OAuth,
    OAuthAuth,
    Pkce,
    QueryAuth,
)

BASE_URL = Field(
    name="base_url",
    label="Base address",
    kind="url",
    help="What every call begins with. Credentials are sent to this server and to no other.",
    placeholder="https://api.example.com/v1",
    max_chars=2_000,
)

CHECK_PATH = Field(
    name="check_path",
    label="Path for the test",
    form="path",
    default="/",
    help="It is read with GET, so choose one that changes nothing and needs the credentials.",
    placeholder="/me",
)

OWN_CHECK = Check(proves="The service answers this path with success.", url="{base_url}{check_path}")

_OAUTH_FIELDS = (
    Field(
        name="authorization_url",
        label="Authorization endpoint",
        kind="url",
        help="Where the browser is sent for consent.",
        placeholder="https://auth.example.com/oauth/authorize",
    ),
    Field(
        name="token_url",
        label="Token endpoint",
        kind="url",
        help="Where codes and refresh tokens are exchanged.",
        placeholder="https://auth.example.com/oauth/token",
    ),
    Field(
        name="revocation_url",
        label="Revocation endpoint",
        kind="url",
        is_required=False,
        help="Leave it empty if the service has none: disconnecting then only forgets the tokens.",
        placeholder="https://auth.example.com/oauth/revoke",
    ),
    Field(
        name="client_id",
        label="Client id",
        help="Of the app that you registered at the service. Each integration has its own.",
    ),
    Field(
        name="client_secret",
        label="Client secret",
        kind="secret",
        is_required=False,
        help="It is sent to the token and revocation endpoints, nowhere else. Empty for a public client.",
        max_chars=2_000,
    ),
    Field(
        name="issuer",
        label="Issuer",
        kind="url",
        is_required=False,
        help="If the service names itself when it sends you back: `issuer` of its metadata. Others are refused then.",
        placeholder="https://auth.example.com",
    ),
    Field(
        name="scope",
        label="Scopes",
        is_required=False,
        help="Separated by spaces, as the service documents them.",
        placeholder="contacts:read contacts:write",
    ),
    Field(
        name="client_auth",
        label="How the app proves who it is",
        kind="choice",
        default="client_secret_basic",
        choices=(
            ("client_secret_basic", "Id and secret in a header (HTTP Basic)"),
            ("client_secret_post", "Id and secret in the body"),
            ("none", "Without a secret (public client)"),
        ),
        help="The service's documentation says it; the first is what the standard asks every service to take.",
    ),
)

OWN_OAUTH = OAuth(
    issuer="{issuer}",
    authorization_url="{authorization_url}",
    token_url="{token_url}",  # noqa: S106 - an address
    revocation_url="{revocation_url}",
    revocation_help="In the account's settings at the service, under connected apps.",
    client_auth_field="client_auth",
    scope_field="scope",
    pkce=Pkce.UNDOCUMENTED,
)

_TOKEN = Field(
    name="token",
    label="Token",
    kind="secret",
    help="Sent with every call, and shown to nobody.",
    max_chars=4_000,
)

_METHODS = (
    AuthMethod(slug="none", label="None", placement=NoAuth()),
    AuthMethod(slug="bearer", label="Bearer token", placement=HeaderAuth("Bearer {token}"), fields=(_TOKEN,)),
    AuthMethod(
        slug="header",
        label="Token in a header",
        placement=HeaderAuth("{token}", header="{header_name}"),
        fields=(
            Field(name="header_name", label="Name of the header", form="token", placeholder="X-Api-Key"),
            _TOKEN,
        ),
    ),
    AuthMethod(
        slug="query",
        label="Token in the query",
        placement=QueryAuth("{parameter}", "token"),
        note="For services that know no other way: addresses end up in logs.",
        fields=(
            Field(name="parameter", label="Name of the parameter", default="api_key", placeholder="api_key"),
            _TOKEN,
        ),
    ),
    AuthMethod(
        slug="basic",
        label="User name and password",
        placement=BasicAuth(user="{user}", password="{password}"),  # noqa: S106 - a template
        fields=(
            Field(name="user", label="User name"),
            Field(name="password", label="Password", kind="secret", is_required=False),
        ),
    ),
    AuthMethod(slug="oauth", label="OAuth 2.0", placement=OAuthAuth(), fields=_OAUTH_FIELDS),
)


def own_auth_methods(*fields: Field, without: tuple[str, ...] = (), only: str = "") -> tuple[AuthMethod, ...]:
    """Return the usual ways to authenticate, each asking for `fields` first."""
    wanted = [method for method in _METHODS if method.slug not in without and only in {"", method.slug}]
    return tuple(replace(method, fields=(*fields, *method.fields)) for method in wanted)
