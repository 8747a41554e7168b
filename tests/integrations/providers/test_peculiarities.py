"""Where providers differ from the standard: one test for each."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest

from app.integrations.providers import get_provider
from app.integrations.spec import OAuth, OAuthAuth, Pkce, Refused
from tests.integrations.providers.recorded import recorded, token_answer


def oauth_of(slug: str) -> OAuth:
    oauth = get_provider(slug).oauth
    assert oauth is not None
    return oauth


def answer_of(slug: str, **answer: Any) -> dict[str, Any]:
    return dict(token_answer(get_provider(slug), answer))


def callback_of(slug: str, query: dict[str, str], **configuration: str) -> dict[str, str]:
    read = oauth_of(slug).read_callback
    assert read is not None
    return dict(read(query, configuration, "made-up-client-secret"))


class TestSlack:
    def test_scopes_are_separated_by_commas_and_granted_ones_read_so(self) -> None:
        assert oauth_of("slack").scope_separator == ","
        assert (
            answer_of("slack", ok=True, access_token="at", scope="chat:write,users:read")["scope"]
            == "chat:write users:read"
        )

    def test_no_challenge_is_sent_because_it_would_make_the_app_public(self) -> None:
        assert oauth_of("slack").pkce is Pkce.OFF

    def test_token_of_a_person_is_found_without_a_bot(self) -> None:
        person = {
            "id": "U1",
            "access_token": "person",
            "refresh_token": "rt",
            "expires_in": 43_200,
            "scope": "chat:write",
        }

        answer = answer_of("slack", ok=True, authed_user={**person, "token_type": "user"}, team={"id": "T1"})

        assert (answer["access_token"], answer["refresh_token"], answer["token_type"]) == (
            "person",
            "rt",
            "Bearer",
        )

    def test_bots_token_comes_before_the_persons(self) -> None:
        answer = answer_of(
            "slack", ok=True, access_token="bot", token_type="bot", authed_user={"access_token": "person"}
        )

        assert answer["access_token"] == "bot"

    @pytest.mark.parametrize(
        ("theirs", "standard"),
        [("invalid_refresh_token", "invalid_grant"), ("bad_client_secret", "invalid_client"), ("ratelimited", "temporarily_unavailable"), ("odd_news", "odd_news")],
    )  # fmt: skip
    def test_errors_that_come_with_200_are_refused(self, theirs: str, standard: str) -> None:
        with pytest.raises(Refused) as refused:
            answer_of("slack", ok=False, error=theirs)

        assert refused.value.code == standard

    def test_answer_that_does_not_say_ok_is_refused(self) -> None:
        with pytest.raises(Refused):
            answer_of("slack", access_token="at")

    def test_revocation_that_is_not_ok_is_refused(self) -> None:
        revocation = oauth_of("slack").revocation
        assert revocation is not None
        assert revocation.read is not None
        revocation.read({"ok": True, "revoked": True})

        with pytest.raises(Refused):
            revocation.read({"ok": False, "error": "token_revoked"})

    def test_incoming_webhook_is_its_own_address_and_check(self) -> None:
        slack = get_provider("slack")
        webhook = slack.auth_method("webhook")
        check = slack.check_of(webhook)

        assert slack.base_url_of(webhook) == "{webhook_url}"
        assert check is not None
        assert check.sends
        assert slack.base_url_of(slack.auth_method("token")) == "https://slack.com/api"


class TestZoho:
    def test_accounts_server_is_the_callbacks(self) -> None:
        query = {"code": "c", "accounts-server": "https://accounts.zoho.in", "location": "in"}

        assert callback_of("zoho", query, data_centre="zoho.com") == {
            "accounts_server": "https://accounts.zoho.in"
        }
        assert oauth_of("zoho").token_url.startswith("{accounts_server}/")

    def test_without_one_it_is_the_data_centres(self) -> None:
        assert callback_of("zoho", {"code": "c"}, data_centre="zoho.eu") == {
            "accounts_server": "https://accounts.zoho.eu"
        }

    @pytest.mark.parametrize(
        "server",
        ["https://accounts.zoho.com.evil.example", "https://evil.example/accounts.zoho.com", "http://accounts.zoho.com",
         "https://accounts.zoho.com:8443", "https://accounts.zoho.com@evil.example", "https://evil.example\\.accounts.zoho.com",
         "//accounts.zoho.com", "https://[accounts.zoho.com", "https://notaccounts.zoho.com", "https://www.zoho.com", "x"],
    )  # fmt: skip
    def test_secret_goes_to_no_other_server(self, server: str) -> None:
        with pytest.raises(Refused):
            callback_of("zoho", {"code": "c", "accounts-server": server}, data_centre="zoho.com")

    def test_api_domain_has_to_be_zohos(self) -> None:
        assert (
            answer_of("zoho", access_token="at", api_domain="https://www.zohoapis.com.au")["api_domain"]
            == "https://www.zohoapis.com.au"
        )
        with pytest.raises(Refused):
            answer_of("zoho", access_token="at", api_domain="https://www.zohoapis.evil.example")

    def test_header_names_its_own_scheme(self) -> None:
        assert get_provider("zoho").auth_method("oauth").placement == OAuthAuth(
            "Zoho-oauthtoken {access_token}"
        )


class TestMailchimp:
    def test_zero_lifetime_is_no_lifetime_and_there_is_nothing_to_refresh(self) -> None:
        answer = answer_of("mailchimp", access_token="at", expires_in=0, scope=None)

        assert answer == {"access_token": "at", "token_type": "Bearer"}
        assert not oauth_of("mailchimp").has_refresh_tokens

    def test_data_centre_is_asked_for_with_its_own_scheme(self) -> None:
        mailchimp = oauth_of("mailchimp")

        assert mailchimp.details_of({"dc": "us6"}, {}) == {"dc": "us6"}
        assert mailchimp.details_headers == {"Authorization": "OAuth {access_token}"}

    @pytest.mark.parametrize("centre", ["us6.evil.example/", "us6@evil.example", "", None, "٣"])
    def test_data_centre_cannot_lead_elsewhere(self, centre: str | None) -> None:
        with pytest.raises(Refused):
            oauth_of("mailchimp").details_of({"dc": centre}, {})


class TestSalesforce:
    def test_instance_is_the_answers(self) -> None:
        answer = answer_of(
            "salesforce", access_token="at", instance_url="https://acme--dev.sandbox.my.salesforce.com/"
        )

        assert answer["instance_url"] == "https://acme--dev.sandbox.my.salesforce.com"
        assert get_provider("salesforce").base_url == "{instance_url}"

    @pytest.mark.parametrize(
        "instance",
        ["https://salesforce.com.evil.example", "http://acme.my.salesforce.com", "javascript:1", 7, None],
    )
    def test_tokens_go_to_no_other_host(self, instance: object) -> None:
        with pytest.raises(Refused):
            answer_of("salesforce", access_token="at", instance_url=instance)

    def test_lifetime_is_unknown_and_can_be_asked_for(self) -> None:
        assert "expires_in" not in recorded(get_provider("salesforce"))["token"]
        assert oauth_of("salesforce").lifetime_s is None
        assert oauth_of("salesforce").introspection_url


class TestShopify:
    CALLBACK = recorded(get_provider("shopify"))["callback"]

    def test_signed_callback_is_taken(self) -> None:
        assert callback_of("shopify", self.CALLBACK, shop="Acme-Store") == {}

    @pytest.mark.parametrize(
        "change",
        [
            {"shop": "other.myshopify.com"},
            {"code": "another"},
            {"hmac": "0" * 64},
            {"hmac": ""},
            {"hmac": "é"},
            {"more": "1"},
        ],
        ids=urlencode,
    )
    def test_changed_callback_is_refused(self, change: dict[str, str]) -> None:
        with pytest.raises(Refused, match="signature"):
            callback_of("shopify", self.CALLBACK | change, shop="acme-store")

    def test_callback_of_another_shop_is_refused(self) -> None:
        with pytest.raises(Refused, match="Another shop"):
            callback_of("shopify", self.CALLBACK, shop="beta-store")

    def test_callback_is_refused_without_a_secret(self) -> None:
        read = oauth_of("shopify").read_callback
        assert read is not None
        with pytest.raises(Refused):
            read(self.CALLBACK, {"shop": "acme-store"}, "")

    def test_expiring_tokens_are_asked_for_with_the_code_only(self) -> None:
        assert oauth_of("shopify").token_parameters == {"expiring": 1}
        assert oauth_of("shopify").refresh_parameters == {}

    def test_token_stands_in_a_header_of_its_own(self) -> None:
        placement = get_provider("shopify").auth_method("oauth").placement

        assert placement == OAuthAuth("{access_token}", header="X-Shopify-Access-Token")

    def test_end_of_lasting_tokens_is_announced(self) -> None:
        assert [sunset.on for sunset in get_provider("shopify").sunsets] == [date(2027, 1, 1)]


class TestQuickBooks:
    def test_company_is_the_callbacks(self) -> None:
        assert callback_of("quickbooks", {"code": "c", "realmId": "123"}) == {"realm_id": "123"}

    @pytest.mark.parametrize("realm", ["", "12/..", "٣", "1" * 31, "a"])
    def test_company_is_a_number(self, realm: str) -> None:
        with pytest.raises(Refused):
            callback_of("quickbooks", {"code": "c", "realmId": realm})

    def test_grant_dies_of_disuse_and_of_age(self) -> None:
        assert (oauth_of("quickbooks").idle_days, oauth_of("quickbooks").hard_days) == (100, 1825)


class TestAtlassian:
    SITES = (
        {"id": "one", "url": "https://acme.atlassian.net", "name": "acme"},
        {"id": "two", "url": "https://beta.atlassian.net", "name": "beta"},
    )

    def test_audience_is_named(self) -> None:
        assert oauth_of("atlassian").authorization_parameters == {
            "audience": "api.atlassian.com",
            "prompt": "consent",
        }

    def test_only_site_is_taken(self) -> None:
        assert oauth_of("atlassian").details_of([self.SITES[0]], {}) == {"cloud_id": "one"}

    def test_site_is_chosen_by_its_name(self) -> None:
        assert oauth_of("atlassian").details_of(list(self.SITES), {"site": "beta"}) == {"cloud_id": "two"}

    @pytest.mark.parametrize(("site", "reason"), [("", "several sites"), ("gamma", "no access to that site")])
    def test_unclear_or_missing_site_is_refused(self, site: str, reason: str) -> None:
        with pytest.raises(Refused, match=reason):
            oauth_of("atlassian").details_of(list(self.SITES), {"site": site})

    def test_refresh_tokens_rotate_with_ten_minutes_of_grace(self) -> None:
        assert (oauth_of("atlassian").rotates, oauth_of("atlassian").grace_s) == (True, 600)


class TestNotion:
    def test_token_endpoint_gets_json_with_basic_and_the_owner_is_the_person(self) -> None:
        notion = oauth_of("notion")

        assert (notion.sends_json, notion.client_auth) == (True, "client_secret_basic")
        assert notion.authorization_parameters == {"owner": "user"}

    def test_error_is_found_in_code(self) -> None:
        with pytest.raises(Refused, match="Invalid refresh token") as refused:
            answer_of("notion", object="error", code="invalid_grant", message="Invalid refresh token.")

        assert refused.value.code == "invalid_grant"


class TestXero:
    TENANTS = (
        {"tenantId": "one", "tenantName": "Acme Ltd"},
        {"tenantId": "two", "tenantName": "Beta Ltd"},
    )

    def test_every_call_names_the_organisation(self) -> None:
        assert oauth_of("xero").details_url == "https://api.xero.com/connections"
        assert get_provider("xero").headers["Xero-Tenant-Id"] == "{tenant_id}"

    def test_organisation_is_chosen_by_its_name(self) -> None:
        assert oauth_of("xero").details_of(list(self.TENANTS), {"organisation": "beta ltd"}) == {
            "tenant_id": "two"
        }

    @pytest.mark.parametrize("organisation", ["", "Gamma Ltd"])
    def test_unclear_or_missing_organisation_is_refused(self, organisation: str) -> None:
        with pytest.raises(Refused):
            oauth_of("xero").details_of(list(self.TENANTS), {"organisation": organisation})


def test_canva_requires_a_challenge_and_spells_its_method_small() -> None:
    assert (oauth_of("canva").pkce, oauth_of("canva").challenge_method) == (Pkce.REQUIRED, "s256")


def test_airtable_requires_a_challenge() -> None:
    assert (oauth_of("airtable").pkce, oauth_of("airtable").challenge_method) == (Pkce.REQUIRED, "S256")


def test_figma_refreshes_elsewhere_and_keeps_its_refresh_token() -> None:
    assert oauth_of("figma").refresh_url == "https://api.figma.com/v1/oauth/refresh"
    assert "refresh_token" not in recorded(get_provider("figma"))["refresh"]
    assert not oauth_of("figma").rotates


def test_zendesk_is_asked_for_a_lifetime_by_code_and_by_refresh() -> None:
    zendesk = oauth_of("zendesk")
    asked = dict(zendesk.token_parameters)

    assert asked == zendesk.refresh_parameters
    assert 300 < int(asked["expires_in"]) < 172_800
    assert 604_800 < int(asked["refresh_token_expires_in"]) < 7_776_000
    assert zendesk.rotates


def test_zendesk_knows_nobody_without_credentials() -> None:
    check = get_provider("zendesk").check
    assert check is not None
    assert check.read is not None

    with pytest.raises(Refused):
        check.read({"user": {"id": None, "name": "Anonymous user", "email": "invalid@example.com"}})


def test_hubspot_is_called_in_the_version_that_stays() -> None:
    hubspot = oauth_of("hubspot")

    assert [sunset.on for sunset in get_provider("hubspot").sunsets] == [date(2027, 2, 16)]
    for address in (hubspot.token_url, hubspot.revocation_url, hubspot.introspection_url):
        assert address.startswith("https://api.hubapi.com/oauth/2026-03/token")
    assert hubspot.client_auth == "client_secret_post"


def test_pipedrive_says_where_the_company_is() -> None:
    assert (
        answer_of("pipedrive", access_token="at", api_domain="https://acme.pipedrive.com")["api_domain"]
        == "https://acme.pipedrive.com"
    )
    with pytest.raises(Refused):
        answer_of("pipedrive", access_token="at", api_domain="https://pipedrive.com.evil.example")


def test_microsoft_signs_in_at_the_tenant() -> None:
    assert "/{tenant}/" in oauth_of("microsoft").authorization_url
    assert "/{tenant}/" in oauth_of("microsoft").token_url


def test_google_gives_a_refresh_token_at_every_consent() -> None:
    assert oauth_of("google").authorization_parameters == {"access_type": "offline", "prompt": "consent"}


def test_dropbox_gives_a_refresh_token_if_asked_for() -> None:
    assert oauth_of("dropbox").authorization_parameters == {"token_access_type": "offline"}


@pytest.mark.parametrize("slug", ["mailchimp", "pipedrive", "slack", "stripe-connect"])
def test_no_challenge_is_sent_where_it_is_not_taken(slug: str) -> None:
    assert oauth_of(slug).pkce is Pkce.OFF


@pytest.mark.parametrize("slug", ["github", "intercom", "mailchimp", "stripe-connect"])
def test_nothing_is_refreshed_where_tokens_live_until_they_are_revoked(slug: str) -> None:
    assert not oauth_of(slug).has_refresh_tokens


def test_github_errors_that_come_with_200_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        answer_of(
            "github", error="incorrect_client_credentials", error_description="The client_id is not right."
        )

    assert (str(refused.value), refused.value.code) == ("The client_id is not right.", "invalid_client")


def test_gitlab_can_be_a_server_of_the_teams_own() -> None:
    gitlab = oauth_of("gitlab")

    for address in (
        gitlab.authorization_url,
        gitlab.token_url,
        gitlab.revocation_url,
        get_provider("gitlab").base_url,
    ):
        assert address.startswith("https://{host}/")


def test_stripe_ends_a_grant_with_the_platforms_key() -> None:
    revocation = oauth_of("stripe-connect").revocation
    assert revocation is not None

    assert revocation.encoding == "form"
    assert revocation.headers == {"Authorization": "Bearer {client_secret}"}
    assert revocation.body["stripe_user_id"] == "{stripe_user_id}"
