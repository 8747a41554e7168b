"""A new built-in event type is one entry of the catalogue: everything else follows from it."""

import json
import random

import pytest
from flask import Flask

from app.demo.scenery import event_data
from app.events import catalogue
from app.events.catalogue import BUILT_IN, KnownType
from tests.api_client import Api, messages
from tests.page import Page
from tests.people import People

NAME, DESCRIPTION = "parcel.arrived", "A parcel was handed over at its address."
ENTRY = KnownType(NAME, "Parcels", DESCRIPTION, {"parcel_id": "parcel_01k9", "weight_g": 1200})


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> KnownType:
    """Add the one entry."""
    monkeypatch.setitem(BUILT_IN, NAME, ENTRY)
    return ENTRY


def test_without_its_entry_nobody_knows_it(app: Flask, people: People, page: Page, api: Api) -> None:
    assert "There is no event type parcel.arrived" in messages(api.emit(NAME))["type"]
    assert api("GET", f"/event-types/{NAME}").status_code == 404
    assert not page.get("/t/acme/webhooks/new", people.mel).all("input", value=NAME)
    run = app.test_cli_runner().invoke(args=["events", "emit", "--team", "acme", NAME, "{}"])
    assert "There is no event type" in run.output


def test_forms_and_filters_offer_it(people: People, page: Page, entry: KnownType) -> None:
    form = page.get("/t/acme/webhooks/new", people.mel)
    assert form.one("input", type="checkbox", value=NAME).get("name") == "event_types"
    assert form.has_text(DESCRIPTION)
    for path in ("deliveries/", "events/"):
        assert page.get(f"/t/acme/{path}", people.mel).one("option", value=NAME) is not None


def test_pages_document_it(people: People, page: Page, entry: KnownType) -> None:
    listed = page.get("/t/acme/event-types/", people.vic)
    assert listed.has_text("Parcels")
    assert f"/t/acme/event-types/{NAME}" in listed.links()

    shown = page.get(f"/t/acme/event-types/{NAME}", people.vic)
    assert shown.has_text(DESCRIPTION)
    assert shown.has_text('"weight_g": 1200')
    assert shown.has_text("/api/v1/events"), "and how it is emitted"


def test_api_lists_it_with_its_example(api: Api, entry: KnownType) -> None:
    listed = {one["name"]: one for one in api("GET", "/event-types?limit=200").get_json()["data"]}

    assert listed[NAME] == api("GET", f"/event-types/{NAME}").get_json()
    assert (listed[NAME]["description"], listed[NAME]["example"]) == (DESCRIPTION, entry.example)
    assert listed[NAME]["category"] == "Parcels"


def test_it_is_emitted_and_reaches_who_subscribed(app: Flask, api: Api, entry: KnownType) -> None:
    for patterns in ([NAME], ["parcel.*"], ["*"], ["post.*"]):
        api.new_webhook(event_types=patterns)

    emitted = api.emit(NAME, entry.example)

    assert (emitted.status_code, emitted.get_json()["deliveries"]) == (202, 3)
    found = api("GET", f"/deliveries?event_type={NAME}").get_json()["data"]
    assert {row["event_type"] for row in found} == {NAME}
    assert len(found) == 3
    data = json.dumps(entry.example)
    run = app.test_cli_runner().invoke(args=["events", "emit", "--team", "acme", NAME, data])
    assert (run.exit_code, "3 deliveries" in run.output) == (0, True), run.output


def test_its_name_is_taken_and_near_ones_are_corrected(api: Api, entry: KnownType) -> None:
    own = api("POST", "/event-types", {"name": NAME, "description": "Mine.", "example": {}})

    assert messages(own)["name"] == f"{NAME} is built in and can be used as it is."
    assert f"Did you mean {NAME}?" in messages(api.emit("parcel.arived"))["type"]


def test_demo_makes_events_of_it(entry: KnownType) -> None:
    data = event_data(NAME, random.Random(1))

    assert data.keys() == entry.example.keys()
    assert data["parcel_id"].startswith("parcel_")
    assert data != entry.example


def test_no_two_built_in_types_have_one_name() -> None:
    names = [known.name for known in catalogue._TYPES]
    assert len(names) == len(set(names)) == len(catalogue.BUILT_IN)
