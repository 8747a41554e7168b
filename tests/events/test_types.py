"""Event types: built-in ones, and those that a team adds."""

from typing import Any

import pytest

from app.events.catalogue import BUILT_IN, KnownType
from app.events.rules import check_type_form, encode_object
from tests.api_client import Api, messages
from tests.people import People

OWN = {"name": "order.shipped", "description": "An order left.", "example": {"order_id": "10443"}}


@pytest.mark.parametrize("known", BUILT_IN.values(), ids=list(BUILT_IN))
def test_built_in_type_is_described_with_an_example(known: KnownType) -> None:
    check_type_form(known.name)
    assert known.description.endswith(".")
    assert known.example
    assert encode_object(known.example, field="example")


def test_own_type_is_added_changed_emitted_and_deleted(api: Api) -> None:
    assert api("POST", "/event-types", OWN).status_code == 201
    assert (
        api("PATCH", "/event-types/order.shipped", {"description": "New."}).get_json()["example"]
        == OWN["example"]
    )
    assert api.emit("order.shipped").status_code == 202
    assert api("DELETE", "/event-types/order.shipped").status_code == 204
    assert api.emit("order.shipped").status_code == 422


def test_types_of_other_teams_are_unknown(api: Api, other_api: Api) -> None:
    api("POST", "/event-types", OWN)

    assert other_api("GET", "/event-types/order.shipped").status_code == 404
    assert other_api("DELETE", "/event-types/order.shipped").status_code == 404
    assert other_api.emit("order.shipped").status_code == 422
    assert "order.shipped" not in [one["name"] for one in other_api("GET", "/event-types").get_json()["data"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "signalbox.mine"}, "name"),
        ({"name": "post.published"}, "name"),
        ({"name": "single"}, "name"),
        ({"name": "Order.Shipped"}, "name"),
        ({"name": "order..shipped"}, "name"),
        ({"name": "order.shipped\n"}, "name"),
        ({"name": "a." + "b" * 99}, "name"),
        ({"description": "\x00"}, "description"),
        ({"description": "x" * 501}, "description"),
        ({"example": []}, "example"),
        ({"example": {"a": "\x00"}}, "example"),
        ({"example": {"a": "x" * 20_000}}, "example"),
        ({"exampel": {}}, "body"),
    ],
)
def test_bad_type_is_refused(api: Api, change: dict[str, Any], field: str) -> None:
    answer = api("POST", "/event-types", OWN | change)

    assert answer.status_code == 422
    assert field in messages(answer)


def test_name_in_use_is_a_conflict(api: Api) -> None:
    api("POST", "/event-types", OWN)

    assert api("POST", "/event-types", OWN).status_code == 409


def test_built_in_type_stays_as_it_is(api: Api) -> None:
    assert api("PATCH", "/event-types/post.published", {"description": "x"}).status_code == 409
    assert api("DELETE", "/event-types/post.published").status_code == 409


def test_type_with_nul_in_its_address_is_not_found(api: Api) -> None:
    assert api("GET", "/event-types/a%00.b").status_code == 404


def test_reader_cannot_add_types(people: People) -> None:
    reader = Api(people.app, people.acme.id, people.alice.id, ["events:read", "events:write"])

    assert reader("POST", "/event-types", OWN).status_code == 403
