"""The catalogue: what is found in it, and integrations that are set up from it in one step."""

import pytest
from flask import Flask

from app.extensions import db
from app.integrations.models import Integration
from app.integrations.providers import providers
from app.integrations.queries.catalogue import find_providers
from app.integrations.services.apps import set_app
from tests.page import Page
from tests.people import People

LIST = "/t/acme/integrations/"
CATALOGUE = LIST + "catalogue/"


def found(text: str = "", category: str = "") -> list[str]:
    return [one.slug for group in find_providers(text, category).values() for one in group]


def test_without_a_search_every_provider_is_there() -> None:
    assert found() == list(providers())


@pytest.mark.parametrize(
    ("text", "category", "slugs"),
    [
        ("GitHub", "", ["github"]),
        ("  hub spot ", "crm", ["hubspot"]),
        ("pull requests", "development", ["github"]),
        ("github", "crm", []),
        ("no such thing", "", []),
    ],
)
def test_every_word_must_be_said_of_a_provider(text: str, category: str, slugs: list[str]) -> None:
    assert found(text, category) == slugs


def test_the_page_shows_what_fits_the_address(people: People, page: Page) -> None:
    shown = page.get(CATALOGUE, people.vic)
    assert len([link for link in shown.links() if link.startswith(CATALOGUE)]) >= len(providers())
    filtered = page.get(f"{CATALOGUE}?q=git&category=development", people.vic)
    assert CATALOGUE + "github" in filtered.links()
    assert CATALOGUE + "slack" not in filtered.links()
    assert filtered.by_id("catalogue-text").get("value") == "git"
    assert page.get(CATALOGUE + "?q=nothing-at-all", people.vic).has_text("Nothing fits")
    unknown = page.get(CATALOGUE + "?category=nowhere", people.vic)
    assert CATALOGUE + "slack" in unknown.links()


def test_typing_swaps_what_was_found_and_sets_the_address(people: People) -> None:
    answer = people.vic.get(CATALOGUE + "?q=git&category=", fragment="catalogue")
    html = answer.get_data(as_text=True)
    assert html.lstrip().startswith('<div id="catalogue"')
    assert answer.headers["HX-Push-Url"] == CATALOGUE + "?q=git"


def test_an_entry_says_all_that_is_needed_to_connect(people: People, page: Page) -> None:
    github = page.get(CATALOGUE + "github", people.bob)
    assert github.by_id("redirect-address").get("value", "").endswith("/integrations/callback/github")
    for words in (
        "Call any endpoint of the REST API",
        "Reads and writes issues, pull requests",
        "choose New OAuth App",
        "Verified on 2026-11-21",
        "Personal access token",
    ):
        assert github.has_text(words), words
    assert "https://github.com/settings/developers" in github.links()
    assert page.get(CATALOGUE + "hubspot", people.vic).has_text("HubSpot ends version 1 of its OAuth API.")
    # One that cannot be connected through an app speaks of none.
    assert not page.get(CATALOGUE + "zapier", people.vic).has_text("Redirect address")
    assert people.vic.get(CATALOGUE + "nowhere").status_code == 404


@pytest.mark.parametrize("slug", list(providers()))
def test_every_provider_has_a_page_and_can_be_set_up(
    app: Flask, people: People, page: Page, slug: str
) -> None:
    entry = page.get(CATALOGUE + slug, people.bob)
    provider = providers()[slug]
    assert entry.has_text(provider.summary)
    for method in provider.auth_methods:
        answer = people.bob.post(f"{CATALOGUE}{slug}/set-up", {"auth_method": method.slug})
        assert answer.status_code == 303
        assert answer.location != CATALOGUE + slug
        assert people.bob.get(answer.location).status_code == 200
    with app.app_context():
        made = db.session.query(Integration).order_by(Integration.id).all()
        assert [one.auth_method for one in made] == [method.slug for method in provider.auth_methods]
        assert len({one.name for one in made}) == len(made)


def test_setting_up_leads_to_what_is_missing(app: Flask, people: People) -> None:
    def set_up(auth_method: str) -> str:
        answer = people.bob.post(CATALOGUE + "github/set-up", {"auth_method": auth_method})
        return answer.location.removeprefix(LIST)

    assert set_up("token").endswith("/edit")
    assert set_up("oauth") == "apps/github"
    with app.app_context():
        set_app(None, "github", "Iv1.everybody", "shared")
    assert set_up("oauth").endswith("#connection")
    assert set_up("nothing") == "catalogue/github"


def test_who_may_not_configure_sets_nothing_up(app: Flask, people: People, page: Page) -> None:
    assert people.mel.post(CATALOGUE + "github/set-up").status_code == 403
    entry = page.get(CATALOGUE + "github", people.mel)
    assert entry.has_text("Owners and admins of your team can set it up.")
    with app.app_context():
        assert db.session.query(Integration).count() == 0
