"""Pages of a real service, one after the other, for each strategy; and each reason to stop."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.calls.rest.definition import Parameter
from app.calls.rest.services.reports import Stop
from app.calls.rest.services.running import RunOrder
from app.integrations.services.integrations import update_integration
from app.lib import clock
from app.lib.errors import Invalid
from app.web.limits import QuotaExceeded
from tests.calls.conftest import SECRET, Desk
from tests.webhooks.dispatch.receivers import Received, Receiver, Reply, always, in_turn

TICKETS = [{"id": number, "text": f"Ticket {number}"} for number in range(1, 8)]


def query_of(received: Received) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(received.path).query).items()}


def answer(body: Any, *headers: tuple[str, str], status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode(), (("Content-Type", "application/json"), *headers))


def by_page(received: Received) -> Reply:
    query = query_of(received)
    number, size = int(query["page"]), int(query["per_page"])
    return answer({"items": TICKETS[(number - 1) * size : number * size]})


def by_offset(received: Received) -> Reply:
    query = query_of(received)
    begin = int(query["offset"])
    return answer(TICKETS[begin : begin + int(query["limit"])])


def by_cursor(received: Received) -> Reply:
    begin = int(query_of(received).get("after", "0"))
    following = str(begin + 3) if begin + 3 < len(TICKETS) else None
    return answer({"items": TICKETS[begin : begin + 3], "meta": {"next": following}})


def by_cursor_in_header(received: Received) -> Reply:
    begin = int(query_of(received).get("after", "0"))
    headers = [("X-Next", str(begin + 3))] if begin + 3 < len(TICKETS) else []
    return answer({"items": TICKETS[begin : begin + 3]}, *headers)


def by_cursor_in_body(received: Received) -> Reply:
    begin = json.loads(received.body).get("start", 0)
    following = begin + 3 if begin + 3 < len(TICKETS) else None
    return answer({"items": TICKETS[begin : begin + 3], "next": following})


def by_key(received: Received) -> Reply:
    last = int(query_of(received).get("after", "0"))
    return answer({"items": [one for one in TICKETS if one["id"] > last][:3]})  # type: ignore[operator]


def by_link(received: Received) -> Reply:
    begin = int(query_of(received).get("from", "0"))
    link = f'</tickets?from=0>; rel="first", </tickets?from={begin + 3}>; title="a, b"; rel="prev next"'
    return answer(TICKETS[begin : begin + 3], *([("Link", link)] if begin + 3 < len(TICKETS) else []))


def by_url(received: Received) -> Reply:
    begin = int(query_of(received).get("from", "0"))
    host = received.headers["host"]
    following = f"http://{host}/v2/tickets?from={begin + 3}" if begin + 3 < len(TICKETS) else None
    return answer({"items": TICKETS[begin : begin + 3], "links": {"next": following}})


BY_PAGE = {
    "strategy": "page", "records_at": "/items", "parameter": "page", "size_parameter": "per_page", "size": 3
}  # fmt: skip
BY_CURSOR = {"strategy": "cursor", "records_at": "/items", "parameter": "after", "next_at": "/meta/next"}
BY_URL = {"strategy": "next_url", "records_at": "/items", "next_at": "/links/next"}


@pytest.mark.parametrize(
    ("pagination", "behaviour", "more"),
    [
        (BY_PAGE, by_page, {}),
        (
            {
                "strategy": "offset",
                "records_at": "",
                "parameter": "offset",
                "size_parameter": "limit",
                "size": 3,
            },
            by_offset,
            {},
        ),
        (BY_CURSOR, by_cursor, {}),
        (
            {"strategy": "cursor", "records_at": "/items", "parameter": "after", "next_header": "x-next"},
            by_cursor_in_header,
            {},
        ),
        (
            {
                "strategy": "cursor",
                "records_at": "/items",
                "parameter": "start",
                "parameter_in": "body",
                "next_at": "/next",
            },
            by_cursor_in_body,
            {"method": "POST", "body": "{}"},
        ),
        (
            {
                "strategy": "keyset",
                "records_at": "/items",
                "parameter": "after",
                "key_at": "/id",
            },
            by_key,
            {},
        ),
        ({"strategy": "link_header", "records_at": ""}, by_link, {}),
        (BY_URL, by_url, {}),
    ],
    ids=["page", "offset", "cursor", "cursor in header", "cursor in body", "keyset", "link", "url"],
)
def test_every_record_is_read_once(
    desk: Desk,
    service: Receiver,
    pagination: dict[str, Any],
    behaviour: Callable[[Received], Reply],
    more: dict[str, Any],
) -> None:
    service.behaviour = behaviour
    endpoint_id = desk.define(pagination=pagination, **more)
    report = desk.run(endpoint_id)
    assert report.records == TICKETS
    assert (report.stop, report.succeeded, report.resume) == (Stop.COMPLETE, True, None)
    assert {one.headers["authorization"] for one in service.received} == {f"Bearer {SECRET}"}

    # In pieces of one page each it is the same.
    found: list[Any] = []
    resume = None
    for _ in range(9):
        report = desk.run(endpoint_id, RunOrder(pages_max=1, resume=resume))
        found += report.records or []
        resume = report.resume
        if resume is None:
            break
        assert report.stop is Stop.PAGES_MAX
    assert (found, report.stop) == (TICKETS, Stop.COMPLETE)


def test_own_parameters_go_along_and_the_pagination_replaces_its_own(desk: Desk, service: Receiver) -> None:
    service.behaviour = by_page
    query = [("state", "{{state}}"), ("page", "99")]
    desk.run(desk.define("/t", Parameter(name="state"), query=query, pagination=BY_PAGE), state="a b&c")
    assert [one.path for one in service.received] == [
        f"/t?state=a%20b%26c&per_page=3&page={number}" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("stops", "stop", "count"),
    [
        ({"pages_max": 2}, Stop.PAGES_MAX, 6),
        ({"records_max": 4}, Stop.RECORDS_MAX, 6),
    ],
)
def test_a_run_stops_where_it_is_to(
    desk: Desk, service: Receiver, stops: dict[str, int], stop: Stop, count: int
) -> None:
    service.behaviour = by_page
    report = desk.run(desk.define(pagination=BY_PAGE | stops))
    assert (report.stop, report.succeeded, len(report.records or ())) == (stop, True, count)
    assert report.resume


def test_a_run_stops_after_so_many_bytes(desk: Desk, service: Receiver) -> None:
    service.behaviour = lambda received: answer({"items": [[query_of(received)["page"], "x" * 600_000]] * 3})
    report = desk.run(desk.define(pagination=BY_PAGE | {"size_max_mib": 1}))
    assert (report.stop, len(report.pages)) == (Stop.SIZE_MAX, 1)


def test_a_run_stops_after_so_many_seconds(
    desk: Desk, service: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady_s, passed_s = clock.steady_s, 0.0

    def slowly(received: Received) -> Reply:
        nonlocal passed_s
        passed_s += 12
        return by_page(received)

    monkeypatch.setattr(clock, "steady_s", lambda: steady_s() + passed_s)
    service.behaviour = slowly
    report = desk.run(desk.define(pagination=BY_PAGE | {"size": 1}))
    assert (report.stop, len(report.pages)) == (Stop.SECONDS_MAX, 3)
    assert report.resume


@pytest.mark.parametrize(
    ("pagination", "body"),
    [
        (BY_PAGE, {"items": [1, 2, 3]}),
        (BY_CURSOR, {"items": [1], "meta": {"next": "same"}}),
        (BY_CURSOR, {"items": [], "meta": {"next": "same"}}),
        (BY_URL, {"items": [1], "links": {"next": "/tickets"}}),
        (BY_URL, {"items": [], "links": {"next": "/tickets"}}),
    ],
)
def test_pages_that_repeat_themselves_are_stuck(
    desk: Desk, service: Receiver, pagination: dict[str, Any], body: Any
) -> None:
    service.behaviour = lambda _: answer(body)
    report = desk.run(desk.define(pagination=pagination))
    assert (report.stop, report.succeeded, report.resume) == (Stop.PAGINATION_STUCK, False, None)
    assert len(report.records or ()) <= len(body["items"])
    assert len(service.received) <= 3


@pytest.mark.parametrize(
    "body",
    [b"<html>", b'{"items": 7}', b"[" * 65 + b"]" * 65, b"", b'{"items": [1], "meta": {"next": {"a": 1}}}'],
)
def test_an_answer_that_does_not_say_what_comes_next_is_unreadable(
    desk: Desk, service: Receiver, body: bytes
) -> None:
    service.behaviour = always(200, body=body)
    pagination = BY_CURSOR if b"meta" in body else BY_PAGE
    report = desk.run(desk.define(pagination=pagination))
    assert (report.stop, report.succeeded) == (Stop.UNREADABLE, False)
    assert report.words


def test_a_page_that_fails_leaves_what_was_read_and_where_to_go_on(desk: Desk, service: Receiver) -> None:
    service.behaviour = lambda one: by_page(one) if query_of(one)["page"] != "2" else Reply(500)
    endpoint_id = desk.define(pagination=BY_PAGE)
    report = desk.run(endpoint_id)
    assert (report.stop, report.status_code, report.records) == (Stop.FAILED, 500, TICKETS[:3])
    service.behaviour = by_page
    rest = desk.run(endpoint_id, RunOrder(resume=report.resume))
    assert (rest.stop, rest.records) == (Stop.COMPLETE, TICKETS[3:])


def test_a_limit_in_the_middle_leaves_what_was_read(desk: Desk, service: Receiver) -> None:
    service.behaviour = by_page
    with desk.app.app_context():
        update_integration(desk.team_id, desk.integration_id, {"hourly_limit": 2})
    endpoint_id = desk.define(pagination=BY_PAGE)
    report = desk.run(endpoint_id)
    assert (report.stop, report.records) == (Stop.LIMIT, TICKETS[:6])
    assert [limit.remaining for limit in report.limits] == [0]
    assert report.resume
    with pytest.raises(QuotaExceeded):
        desk.run(endpoint_id)


@pytest.mark.parametrize("forgery", ["", "x", "v1.00000000.AAAA", "x" * 30_000])
def test_only_what_a_run_returned_goes_on(desk: Desk, service: Receiver, forgery: str) -> None:
    service.behaviour = by_page
    parameters = (Parameter(name="state", is_required=False),)
    more: dict[str, Any] = {"query": [("state", "{{state}}")], "pagination": BY_PAGE | {"pages_max": 1}}
    endpoint_id, other_id = desk.define("/t", *parameters, **more), desk.define("/t", *parameters, **more)
    resume = desk.run(endpoint_id).resume
    for wrong_id, order in (
        (endpoint_id, RunOrder(resume=forgery)),
        (other_id, RunOrder(resume=resume)),
        (endpoint_id, RunOrder(resume=resume, parameters={"state": "open"})),
    ):
        with pytest.raises(Invalid):
            desk.run(wrong_id, order)
    assert len(service.received) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/tickets",
        "https://{host}/tickets",
        "http://user:password@{host}/tickets",
        "http://{host}@evil.example/",
        "http://{host}.evil.example/",
        "http://evil.example\\@{host}/",
        "http:\\\\evil.example/",
        "//evil.example/tickets",
        "ftp://{host}/tickets",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[::1",
        "http://{name}:1/tickets",
    ],
)
@pytest.mark.parametrize("place", ["body", "header"])
def test_a_next_page_on_another_server_is_not_called(
    desk: Desk, service: Receiver, url: str, place: str
) -> None:
    host = desk.base_url.removeprefix("http://")
    url = url.replace("{host}", host).replace("{name}", host.partition(":")[0])
    service.behaviour = lambda _: answer(
        {"items": [1], "links": {"next": url}}, ("Link", f'<{url}>; rel="next"')
    )
    pagination = BY_URL if place == "body" else {"strategy": "link_header", "records_at": "/items"}
    report = desk.run(desk.define(pagination=pagination))
    assert report.stop in {Stop.OTHER_SERVER, Stop.UNREADABLE}
    assert (report.records, report.resume) == ([1], None)
    assert len(service.received) == 1


@pytest.mark.parametrize("url", ["//{host}/a", "http://{host}/a", "HTTP://{host}/a", "/a", "a", "/x/../a"])
def test_a_next_page_on_the_own_server_is_called(desk: Desk, service: Receiver, url: str) -> None:
    url = url.replace("{host}", desk.base_url.removeprefix("http://"))
    service.behaviour = in_turn(
        answer({"items": [1], "links": {"next": url}}), answer({"items": [2], "links": {}})
    )
    report = desk.run(desk.define(pagination=BY_URL))
    assert (report.records, service.received[1].path) == ([1, 2], "/a")


def test_credentials_in_a_next_address_are_not_sent_twice_nor_shown(desk: Desk, service: Receiver) -> None:
    integration_id = desk.connect("query", answers={"parameter": "api_key"})

    def behaviour(received: Received) -> Reply:
        following = None if "from" in received.path else f"{received.path}&from=3"
        return answer({"items": [len(received.path)], "links": {"next": following}})

    service.behaviour = behaviour
    endpoint_id = desk.define(integration_id=integration_id, pagination=BY_URL | {"pages_max": 1})
    report = desk.run(endpoint_id)
    report = desk.run(endpoint_id, RunOrder(resume=report.resume))
    encoded = "s3cret%2Fof%20the%2Bservice"
    assert service.received[1].path == f"/tickets?from=3&api_key={encoded}"
    assert encoded not in report.url
    assert SECRET not in repr(report)
