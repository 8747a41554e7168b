"""A declared list: what its filters take in an address, and what they say when they cannot be read."""

import pytest
from pydantic import ValidationError

from app.accounts.queries import INVITATIONS, MEMBERS
from app.api_keys.queries import KEYS
from app.audit.queries import ENTRIES
from app.events.queries import EVENTS
from app.operations.queries import JOBS
from app.request_log.queries import REQUESTS
from app.web.lists import DeclaredList, ListSpec, status_bounds
from app.webhooks.queries.deliveries import DELIVERIES
from app.webhooks.queries.webhooks import WEBHOOKS

LISTS = {
    "deliveries": DELIVERIES,
    "events": EVENTS,
    "entries": ENTRIES,
    "requests": REQUESTS,
    "keys": KEYS,
    "webhooks": WEBHOOKS,
    "members": MEMBERS,
    "invitations": INVITATIONS,
    "jobs": JOBS,
}


@pytest.mark.parametrize("spec", LISTS.values(), ids=LISTS)
def test_page_and_api_take_the_same_fields(spec: DeclaredList[object]) -> None:
    """But for what only people need: periods counted back from now, and a word instead of true."""
    page, api = set(spec.page_query.model_fields), set(spec.list_query.model_fields)

    assert {"cursor", "limit"} <= api
    assert api - page <= {"limit", "is_test"}
    assert page - api <= {"period", "kind", "q", "from", "to"}


@pytest.mark.parametrize("spec", LISTS.values(), ids=LISTS)
def test_untouched_controls_filter_nothing_but_programs_must_not_send_them(
    spec: DeclaredList[object],
) -> None:
    empty = dict.fromkeys(spec.page_query.model_fields, "")

    assert not spec.page_query.model_validate(empty).selection().is_filtering
    for name in spec.list_query.model_fields:
        with pytest.raises(ValidationError):
            spec.list_query.model_validate({name: ""})


@pytest.mark.parametrize("spec", LISTS.values(), ids=LISTS)
def test_programs_hear_of_what_there_is_not(spec: DeclaredList[object]) -> None:
    spec.page_query.model_validate({"nonsense": "1"})
    with pytest.raises(ValidationError):
        spec.list_query.model_validate({"nonsense": "1"})


def test_word_of_a_page_is_the_flag_of_the_api() -> None:
    of_page = EVENTS.page_query.model_validate({"kind": "test"}).selection()
    of_api = EVENTS.list_query.model_validate({"is_test": "true"}).selection()

    assert of_page.values == of_api.values == {"is_test": True}
    assert KEYS.page_query.model_validate({"kind": "live"}).selection().values == {"is_test": False}


@pytest.mark.parametrize(
    ("status", "bounds"), [("2xx", (200, 299)), ("404", (404, 404)), ("failed", (400, 599)), ("none", None)]
)
def test_status_is_a_class_or_a_number(status: str, bounds: tuple[int, int] | None) -> None:
    assert status_bounds(status) == bounds


@pytest.mark.parametrize("spec", [DELIVERIES, REQUESTS], ids=["deliveries", "requests"])
@pytest.mark.parametrize(
    "status", ["99", "600", "0404", "0404" + "9" * 16, "0404" + "9" * 5000, "٤٠٤", "-404"]
)
def test_what_is_no_status_is_refused_before_it_reaches_the_database(
    spec: ListSpec[object], status: str
) -> None:
    for query in (spec.page_query, spec.list_query):
        with pytest.raises(ValidationError, match="or a status such as 429"):
            query.model_validate({"status": status})
