"""A filter is declared once: the page, the download, the API and its description take it from there."""

import csv
import io
from dataclasses import replace
from importlib import import_module

import pytest
from flask import Flask
from flask_openapi import APIBlueprint, OpenAPI
from pydantic import ValidationError

from app.web.lists import ChoiceFilter, DeclaredList, ListQuery, StatusFilter, takes
from app.webhooks.models import Delivery
from app.webhooks.queries.deliveries import DELIVERIES, DeliveryRow
from tests.api_client import Api
from tests.page import Page
from tests.people import People
from tests.webhooks.deliveries.factories import Factories

LIST = "/t/acme/deliveries/"
ERRORS = (("http_5xx", "5xx"), ("timeout_total", "Too slow"))
ERROR = ChoiceFilter(
    field="error",
    label="Error",
    choices=ERRORS,
    column=Delivery.last_error,
    description="Only with this error.",
)


@pytest.fixture
def wider(monkeypatch: pytest.MonkeyPatch) -> DeclaredList[DeliveryRow]:
    """Declare one more filter."""
    wider = replace(DELIVERIES, filters=(*DELIVERIES.filters, ERROR))
    views = import_module("app.webhooks.views.deliveries")
    monkeypatch.setattr(views, "_LIST", replace(views._LIST, spec=wider))
    return wider


@pytest.fixture
def slow_one(factories: Factories) -> str:
    """Return a delivery that failed by its time, among others that failed otherwise."""
    webhook = factories.webhook()
    factories.deliveries(webhook, 3, state="failed")
    [slow] = factories.deliveries(webhook, 1, state="failed", last_error="timeout_total")
    return slow


def test_page_and_download_take_a_new_filter(
    people: People, page: Page, wider: DeclaredList[DeliveryRow], slow_one: str
) -> None:
    shown = page.get(f"{LIST}?error=timeout_total", people.vic)

    assert shown.by_id("filter-error").tag == "select"
    assert shown.has_text("Error: Too slow"), "the chip that takes it away"
    assert [link.get("href") for link in shown.all("a", class_="sb-row-link")] == [LIST + slow_one]
    download = f"{LIST}export.csv?error=timeout_total"
    assert download in shown.links()
    text = people.vic.get(download).get_data(as_text=True)
    assert [row["id"] for row in csv.DictReader(io.StringIO(text, newline=""))] == [slow_one]
    refused = page.get(f"{LIST}?error=bad+luck", people.vic, status=422)
    assert refused.error_of("filter-error") == "Error: choose 5xx or Too slow."


def test_api_and_its_description_take_a_new_filter(
    app: Flask, people: People, wider: DeclaredList[DeliveryRow], slow_one: str
) -> None:
    api, blueprint = OpenAPI("described"), APIBlueprint("listed", __name__)

    @blueprint.get("/deliveries")
    @takes(wider)
    def list_deliveries(query: ListQuery) -> dict[str, list[str]]:
        with app.app_context():
            return {"data": [row.id for row in wider.find(people.acme.id, query.selection()).rows]}

    api.register_api(blueprint)
    client = api.test_client()

    parameters = {one["name"]: one for one in api.api_doc["paths"]["/deliveries"]["get"]["parameters"]}
    assert parameters["error"]["description"] == "Only with this error."
    assert "timeout_total" in str(parameters["error"]["schema"])
    assert client.get("/deliveries?error=timeout_total").get_json() == {"data": [slow_one]}
    assert client.get("/deliveries?error=bad+luck").status_code == 422


def test_http_status_stands_in_one_declaration(people: People, page: Page, api: Api) -> None:
    (status,) = (one for one in DELIVERIES.filters if one.field == "status")
    assert isinstance(status, StatusFilter)

    control = page.get(LIST, people.vic).by_id("filter-status")
    paths = api("GET", "/openapi.json").get_json()["paths"]
    (parameter,) = (
        one for one in paths["/api/v1/deliveries"]["get"]["parameters"] if one["name"] == status.field
    )

    assert control.get("placeholder") == status.placeholder
    assert parameter["description"] == status.description
    for query in (DELIVERIES.page_query, DELIVERIES.list_query):
        assert query.model_validate({"status": "5xx"}).selection().values == {"status": "5xx"}
        with pytest.raises(ValidationError):
            query.model_validate({"status": "6xx"})
