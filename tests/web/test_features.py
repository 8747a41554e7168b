"""An app whose features do not fit together does not start; else it starts with all that they announce."""

import ast
from collections.abc import Iterator

import pytest
from flask import Blueprint, Flask

from app.config import PROJECT_DIR, AppEnv, Settings, load_settings
from app.factory import create_app
from app.jobs import table
from app.jobs.table import Job
from app.web import permissions
from app.web.access import public, require
from app.web.features import Feature, NavigationEntry, Section, Tab
from app.web.permissions import Permission, PermissionGroup, Role
from app.web.schemes import Pages
from app.wiring import FEATURES
from tests.page import Page
from tests.people import People

ROLES = {
    Role.VIEWER: (
        "couriers:read integrations:read marketplace:read sync:read posts:read contacts:read tickets:read agents:read"
        " reports:read analytics:read events:read webhooks:read members:read"
    ),
    Role.MEMBER: (
        "events:write event_types:manage webhooks:manage integrations:call integrations:mutate posts:write contacts:write tickets:write tickets:comment"
        " tickets:resolve reports:write reports:execute reports:export reports:schedule"
    ),
    Role.ADMIN: (
        "integrations:write couriers:write marketplace:write sync:write agents:write keys:manage audit:read"
        " members:manage"
    ),
    Role.OWNER: "team:manage admin:full",
}


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(
        app_env=AppEnv.TEST,
        data_dir=tmp_path_factory.mktemp("data"),
        secret_key="sixteen quiet otters and one loud duck",
        encryption_key="another sixteen otters, and no duck at all",
    )


@pytest.fixture(autouse=True)
def _vocabulary_as_before(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # After `app`: what the shared app declares at its first use must outlive this test.
    monkeypatch.setattr(table, "_table", dict(table._table))
    monkeypatch.setattr(permissions, "_declared", dict(permissions._declared))
    yield
    permissions._everything.cache_clear()
    permissions.permissions_of.cache_clear()


def start(settings: Settings, feature: Feature) -> Flask:
    return create_app(settings, features=(*FEATURES, feature))


def page_of(blueprint: Blueprint, permission: str | None) -> Blueprint:
    """Return the blueprint with one view, marked if there is a permission."""

    def index() -> str:
        return "here"

    blueprint.add_url_rule(
        "/t/<team>/planted", view_func=require(permission)(index) if permission else index, endpoint="index"
    )
    return blueprint


def test_every_role_has_what_is_written_here_and_nothing_else(settings: Settings) -> None:
    create_app(settings)
    expected: set[str] = set()
    for role in reversed(Role):
        expected |= set(ROLES[role].split())

        assert permissions.permissions_of(role) == expected, role


def test_a_new_permission_goes_to_its_minimum_role_only(settings: Settings) -> None:
    grows = Permission("planted:write", "Plant things", PermissionGroup.TEAM, Role.ADMIN)

    start(settings, Feature(name="planted", permissions=(grows,)))

    having = [role for role in Role if "planted:write" in permissions.permissions_of(role)]
    assert having == [Role.OWNER, Role.ADMIN]


def test_a_view_without_a_mark_does_not_start(settings: Settings) -> None:
    with pytest.raises(ValueError, match=r"planted\.index has none of the marks"):
        start(settings, Feature(name="planted", pages=(page_of(Pages("planted", __name__), None),)))


def test_a_view_without_a_scheme_does_not_start(settings: Settings) -> None:
    plain = page_of(Blueprint("planted", __name__), "events:read")

    with pytest.raises(ValueError, match=r"planted\.index has no scheme"):
        start(settings, Feature(name="planted", pages=(plain,)))


def test_a_permission_that_nobody_declares_does_not_start(settings: Settings) -> None:
    with pytest.raises(ValueError, match="planted:read, which no feature declares"):
        start(settings, Feature(name="planted", pages=(page_of(Pages("planted", __name__), "planted:read"),)))


def test_two_permissions_of_one_name_do_not_start(settings: Settings) -> None:
    other = Permission("events:read", "Something else", PermissionGroup.TEAM, Role.OWNER)

    with pytest.raises(ValueError, match="two features declare the permission events:read"):
        start(settings, Feature(name="planted", permissions=(other,)))


def test_two_jobs_of_one_name_do_not_start(settings: Settings) -> None:
    with pytest.raises(ValueError, match=r"two jobs are named audit\.trim"):
        start(settings, Feature(name="planted", jobs=(Job(name="audit.trim", path="app.planted.jobs.trim"),)))


def test_navigation_to_nowhere_does_not_start(settings: Settings) -> None:
    entry = NavigationEntry(
        section=Section.SENDING,
        label="Planted",
        icon="x",
        position=15,
        tabs=(Tab("x", "planted.index", "x"),),
    )
    with pytest.raises(ValueError, match=r"leads to planted\.index, which is no view"):
        start(settings, Feature(name="planted", navigation=(entry,)))


def test_a_fifth_entry_in_a_section_does_not_start(settings: Settings) -> None:
    entry = NavigationEntry(
        section=Section.TEAM,
        label="Planted",
        icon="x",
        position=15,
        tabs=(Tab("Home", "dashboard.home", "events:read"),),
    )
    with pytest.raises(ValueError, match="more than four entries"):
        start(settings, Feature(name="planted", navigation=(entry,)))


def test_every_job_that_is_enqueued_is_declared() -> None:
    declared = {job.name for feature in FEATURES for job in feature.jobs}
    unknown = []
    for path in (PROJECT_DIR / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "enqueue" and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant) and name.value not in declared:
                    unknown.append(f"{path.relative_to(PROJECT_DIR)}: {name.value!r}")

    assert unknown == []


def test_tabs_show_on_their_pages_and_only_to_who_may_see_them(people: People, page: Page) -> None:
    types = page.get("/t/acme/event-types/", people.vic)
    (tabs,) = types.all("nav", class_="sb-tabs")
    (shown,) = [link for link in tabs.iter("a") if link.get("aria-current") == "page"]

    assert [types.text(link) for link in tabs.iter("a")] == ["Events", "Event types"]
    assert types.text(shown) == "Event types"
    assert "/t/acme/api-keys/" not in types.links()
    assert "/t/acme/api-keys/" in page.get("/t/acme/", people.bob).links()
    assert not page.get("/t/acme/", people.vic).all("nav", class_="sb-tabs")


def test_public_marks_need_no_permission(settings: Settings) -> None:
    planted = Pages("planted", __name__)
    planted.add_url_rule("/planted", view_func=public(lambda: "here"), endpoint="index")

    app = start(settings, Feature(name="planted", pages=(planted,)))

    assert "planted.index" in app.view_functions
