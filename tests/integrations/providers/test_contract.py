"""What every entry of the catalogue keeps: adding one adds a module, a picture and, with OAuth, a fixture."""

import dataclasses
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from app.config import PROJECT_DIR
from app.integrations.addresses import expand, names_in
from app.integrations.providers import get_provider, providers
from app.integrations.spec import (
    AuthMethod,
    BasicAuth,
    Check,
    Field,
    HeaderAuth,
    NoAuth,
    OAuth,
    OAuthAuth,
    Provider,
    QueryAuth,
)
from app.lib.errors import NotFound
from tests.integrations.providers.recorded import FIXTURES, values_of

PROVIDERS = list(providers().values())
METHODS = [
    pytest.param(provider, method, id=f"{provider.slug}-{method.slug}")
    for provider in PROVIDERS
    for method in provider.auth_methods
]
of_each = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.slug)
with_oauth = pytest.mark.parametrize(
    "provider", [provider for provider in PROVIDERS if provider.oauth], ids=lambda provider: provider.slug
)
of_each_method = pytest.mark.parametrize(("provider", "method"), METHODS)

#: Names that stand for something else than an answer, and where.
_APP = {"client_id", "client_secret"}
_TOKEN = {"access_token"}


def placed(method: AuthMethod) -> list[str]:
    """Return the templates of how a way to authenticate puts its secret into requests."""
    match method.placement:
        case HeaderAuth(value, header) | OAuthAuth(value, header):
            return [value, header]
        case QueryAuth(parameter, field):
            return [parameter, f"{{{field}}}"]
        case BasicAuth(user, password):
            return [user, password]
        case NoAuth():
            return []


def checks_of(provider: Provider) -> list[Check]:
    found = [provider.check_of(method) for method in provider.auth_methods]
    return [check for check in found if check is not None]


def oauth_addresses(oauth: OAuth) -> list[str]:
    """Return the addresses of a provider's OAuth that requests or browsers go to."""
    names = [field.name for field in dataclasses.fields(oauth) if field.name.endswith("_url")]
    found = [str(getattr(oauth, name)) for name in names]
    return [*filter(None, found), *([oauth.revocation.url] if oauth.revocation else [])]


def addresses_of(provider: Provider, *methods: AuthMethod) -> list[str]:
    """Return the addresses of an entry that requests go to, with these ways to authenticate."""
    found = [provider.base_url_of(method) for method in methods]
    found += [check.url for method in methods if (check := provider.check_of(method))]
    if provider.oauth and any(method.slug == "oauth" for method in methods):
        found += oauth_addresses(provider.oauth)
    return [*found, *filter(None, [provider.graphql_url])]


def templates_of(provider: Provider) -> Iterator[tuple[str, set[str]]]:
    """Yield every template of an entry, and the names that it may hold beside the known ones."""
    for address in addresses_of(provider, *provider.auth_methods):
        is_revocation = (
            provider.oauth and provider.oauth.revocation and address == provider.oauth.revocation.url
        )
        yield address, {*_APP, "token"} if is_revocation else {"base_url"}
    for method in provider.auth_methods:
        for template in placed(method):
            yield template, _TOKEN if isinstance(method.placement, OAuthAuth) else set()
    for template in provider.headers.values():
        yield template, _APP
    for check in checks_of(provider):
        yield from ((template, set()) for template in check.headers.values())
    if provider.oauth:
        yield from oauth_templates(provider.oauth)


def oauth_templates(oauth: OAuth) -> Iterator[tuple[str, set[str]]]:
    """Yield the templates of a provider's OAuth that are no addresses."""
    for group in (oauth.authorization_parameters, oauth.token_parameters, oauth.refresh_parameters):
        yield from ((str(value), set()) for value in group.values())
    yield from ((template, _TOKEN) for template in oauth.details_headers.values())
    if oauth.revocation:
        templates = (*oauth.revocation.headers.values(), *oauth.revocation.body.values())
        yield from ((template, {*_APP, "token"}) for template in templates)


def texts_of(provider: Provider) -> Iterator[str]:
    """Yield every sentence that a person reads."""
    yield from (provider.summary, *provider.abilities, *provider.setup_steps)
    for asked in provider.all_fields:
        yield from (asked.help, asked.where)
    for method in provider.auth_methods:
        yield method.note
    for check in checks_of(provider):
        yield from (check.proves, check.sends)
    for sunset in provider.sunsets:
        yield from (sunset.what, sunset.instead)
    if oauth := provider.oauth:
        yield oauth.revocation_help
        yield from (scope.note for scope in oauth.scopes)


def test_catalogue_holds_every_provider_that_is_promised() -> None:
    assert set(providers()) == {
        "salesforce", "hubspot", "slack", "microsoft", "google", "zoho", "pipedrive", "mailchimp", "canva", "adobe",
        "github", "gitlab", "atlassian", "notion", "linear", "asana", "dropbox", "box", "zendesk", "xero", "quickbooks",
        "shopify", "airtable", "figma", "zoom", "intercom", "activecampaign", "stripe-connect", "zapier", "make", "n8n",
        "rest", "graphql", "webhook", "custom",
    }  # fmt: skip


def test_unknown_provider_is_not_found() -> None:
    with pytest.raises(NotFound):
        get_provider("no-such-service")


def test_names_of_the_catalogue_are_distinct() -> None:
    assert len({provider.name for provider in PROVIDERS}) == len(PROVIDERS)


def test_every_fixture_belongs_to_an_entry() -> None:
    assert {file.stem for file in FIXTURES.iterdir()} <= set(providers())


@of_each
def test_slug_is_the_module_and_what_addresses_take(provider: Provider) -> None:
    modules = PROJECT_DIR / "app" / "integrations" / "providers"

    assert (modules / f"{provider.slug.replace('-', '_')}.py").exists()
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,29}", provider.slug)


@of_each
def test_every_name_in_a_template_is_known(provider: Provider) -> None:
    for template, more in templates_of(provider):
        assert set(names_in(template)) <= provider.known_names | more, template
        assert "{" not in re.sub(r"\{[a-z_]+\}", "", template), template


@of_each_method
def test_addresses_expand_to_https(provider: Provider, method: AuthMethod) -> None:
    values = values_of(provider, method)
    values["base_url"] = expand(provider.base_url_of(method), values)

    for template in addresses_of(provider, method):
        parts = urlsplit(expand(template, values))
        assert parts.scheme == "https", template
        assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", parts.netloc), template


@of_each
def test_nothing_typed_leads_an_address_to_another_host(provider: Provider) -> None:
    """Its host is the provider's, was named by it, or is asked for as an address, a host or a part of one."""
    fields = {asked.name: asked for asked in provider.all_fields}
    said = provider.known_names - set(fields) | {"base_url"}

    for address in addresses_of(provider, *provider.auth_methods):
        if whole := re.match(r"\{([a-z_]+)\}", address):
            asked = fields.get(whole[1])
            assert whole[1] in said or (asked and (asked.kind == "url" or asked.form == "url")), address
            continue
        scheme, _, rest = address.partition("://")
        assert scheme == "https", address
        for name in names_in(rest.partition("/")[0]):
            assert name in said or fields[name].form in {"host", "label"} or fields[name].kind == "choice", (
                address
            )


@of_each
def test_links_for_people_are_https(provider: Provider) -> None:
    for link in (provider.website, *filter(None, [provider.setup_url]), *provider.source_urls):
        assert re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]+(/\S*)?", link), link


@of_each
def test_texts_are_sentences(provider: Provider) -> None:
    for text in filter(None, texts_of(provider)):
        assert text == text.strip()
        assert text.endswith("."), text
        # A way through a provider's pages may begin with an address.
        assert text[0].isupper() or text[0] == "“" or re.match(r"n8n |[a-z0-9.]+\.[a-z]+", text), text
    assert 10 <= len(provider.summary) <= 120
    assert provider.abilities


@of_each
def test_facts_say_where_they_come_from(provider: Provider) -> None:
    assert (provider.verified_on is None) == (not provider.source_urls)


@of_each
def test_fields_can_be_asked_for(provider: Provider) -> None:
    for method in provider.auth_methods:
        fields = (*provider.fields, *method.fields)
        assert len({asked.name for asked in fields}) == len(fields), method.slug
    for asked in provider.all_fields:
        assert re.fullmatch(r"[a-z_]{1,40}", asked.name)
        assert (asked.kind == "choice") == bool(asked.choices)
        assert asked.kind != "choice" or not asked.default or asked.default in dict(asked.choices)
        assert asked.kind != "secret" or not asked.default
        assert not asked.label.endswith(".")


@of_each
def test_one_name_means_one_thing(provider: Provider) -> None:
    """`all_fields` shows a name once, so two ways to authenticate that share it must mean the same."""
    seen: dict[str, Field] = {}
    for asked in (*provider.fields, *(asked for method in provider.auth_methods for asked in method.fields)):
        known = seen.setdefault(asked.name, asked)
        assert (asked.kind, asked.form) == (known.kind, known.form), asked.name


@of_each
def test_secrets_are_sealed(provider: Provider) -> None:
    """What a way to authenticate puts into requests as its proof is asked for as a secret."""
    fields = {asked.name: asked for asked in provider.all_fields}
    for method in provider.auth_methods:
        proof = placed(method)[:1] if isinstance(method.placement, HeaderAuth) else placed(method)[1:]
        for template in proof if isinstance(method.placement, HeaderAuth | QueryAuth | BasicAuth) else ():
            assert any(fields[name].kind == "secret" for name in names_in(template)), method.slug


@of_each
def test_ways_to_authenticate_are_distinct(provider: Provider) -> None:
    slugs = [method.slug for method in provider.auth_methods]

    assert slugs
    assert len(set(slugs)) == len(slugs)
    assert provider.auth_method(slugs[0]) is provider.auth_methods[0]
    assert (provider.oauth is not None) == ("oauth" in slugs)
    for method in provider.auth_methods:
        assert isinstance(method.placement, OAuthAuth) == (method.slug == "oauth")


@with_oauth
def test_scopes_are_distinct(provider: Provider) -> None:
    assert provider.oauth is not None
    names = [scope.name for scope in provider.oauth.scopes]

    assert len(set(names)) == len(names)
    assert not any(provider.oauth.scope_separator in name for name in names)


@with_oauth
def test_grant_can_be_ended_by_hand_and_in_at_most_one_other_way(provider: Provider) -> None:
    assert provider.oauth is not None
    assert not (provider.oauth.revocation_url and provider.oauth.revocation)
    assert provider.oauth.revocation_help


@of_each
def test_check_that_leaves_something_behind_says_so(provider: Provider) -> None:
    for check in checks_of(provider):
        is_query = check.body.startswith('{"query"') or check.url.endswith(
            ("auth.test", "get_current_account")
        )
        assert bool(check.sends) == (check.method == "POST" and not is_query)


@with_oauth
def test_fields_that_say_how_to_connect_are_asked_for(provider: Provider) -> None:
    assert provider.oauth is not None
    fields = {asked.name: asked for asked in provider.all_fields}
    if name := provider.oauth.client_auth_field:
        offered = {value for value, _ in fields[name].choices}
        assert offered == {"client_secret_basic", "client_secret_post", "none"}
    assert provider.oauth.scope_field in {*fields, ""}
