"""Runs an endpoint: sends its calls one after the other, each page found from the answer before."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.calls.masking import masked_value, secrets_of
from app.calls.rest.definition import Definition, Value
from app.calls.rest.expansion import Prepared, bind, prepare
from app.calls.rest.json_values import MISSING, resolve, text_of
from app.calls.rest.pagination import CannotGoOn, PageAnswer, Position, first_position, next_position
from app.calls.rest.queries import get_endpoint
from app.calls.rest.rules import PAGES_MAX, SAFE_METHODS
from app.calls.rest.services.addresses import address_of, own_address
from app.calls.rest.services.curl import curl_of
from app.calls.rest.services.endpoints import definition_of
from app.calls.rest.services.once import mark_as_carried_out
from app.calls.rest.services.positions import open_position, seal_position
from app.calls.rest.services.reports import (
    FAILURES,
    RESUMABLE,
    Body,
    PageReport,
    RunReport,
    Stop,
    Stopped,
    masked_body,
    read_body,
)
from app.calls.rest.services.run_checks import check_path, check_success
from app.integrations.services.access import Access, open_access
from app.integrations.services.call_slots import call_slot
from app.integrations.services.calling import send_call
from app.integrations.services.outgoing import TIMEOUT_S, CallOutcome, OutgoingCall
from app.lib import clock, redact
from app.lib.errors import Invalid
from app.lib.ids import new_id
from app.request_log import redaction
from app.web.limits import QuotaExceeded

#: A page that would have less time than this is not asked for.
_SHORTEST_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What is asked of a run. `pages_max`: fewer pages than the endpoint allows; `resume`: goes on where a run stopped.

    `idempotency_key` is passed on to the service where the endpoint names a header for it.
    """

    parameters: Mapping[str, Value] = field(default_factory=dict, repr=False)
    pages_max: int | None = None
    resume: str | None = field(default=None, repr=False)
    idempotency_key: str | None = None


def run_endpoint(
    team_id: str, endpoint_id: str, order: RunOrder, *, integration_id: str | None = None
) -> RunReport:
    """Send the calls of an endpoint and return what became of them; a failure of the service is a report, no exception.

    Raises NotFound, Invalid naming what is wrong with the parameters before anything is sent, QuotaExceeded when the
    integration's limit has no room for the first call, and Conflict for an integration that cannot be called now. No
    session is open while the network is used. A run ends within the endpoint's seconds, 30 at most.
    """
    row = get_endpoint(team_id, endpoint_id, integration_id)
    definition = definition_of(row.endpoint)
    check_path(row, definition)
    if order.pages_max is not None and not 1 <= order.pages_max <= PAGES_MAX:
        raise Invalid.field("pages", f"Choose a number from 1 to {PAGES_MAX}.")
    values = bind(definition.parameters, order.parameters)
    prepared = prepare(definition, values)
    digest = hashlib.sha256(
        orjson.dumps([definition.path, definition.pagination.as_json(), values], option=orjson.OPT_SORT_KEYS)
    ).hexdigest()
    begin = first_position(definition.pagination)
    if order.resume is not None:
        begin = open_position(endpoint_id, digest, order.resume)
    access = open_access(team_id, row.endpoint.integration_id)
    run = _Run(access, endpoint_id, definition, prepared, order, digest)
    with call_slot(team_id):
        if definition.method not in SAFE_METHODS:
            mark_as_carried_out(access)
        return run.carry_out(begin)


class _Run:
    """A run under way."""

    def __init__(
        self,
        access: Access,
        endpoint_id: str,
        definition: Definition,
        prepared: Prepared,
        order: RunOrder,
        digest: str,
    ) -> None:
        self._access = access
        self._endpoint_id = endpoint_id
        self._definition = definition
        self._pagination = definition.pagination
        self._prepared = prepared
        self._digest = digest
        self._pages_max = min(self._pagination.pages_max, order.pages_max or PAGES_MAX)
        self._key = order.idempotency_key or new_id("run")
        self._ends_at_s = clock.steady_s() + self._pagination.seconds_max
        self._pages: list[PageReport] = []
        self._records: list[Any] | None = None
        self._size_bytes = 0
        self._seen: set[object] = set()

    def carry_out(self, begin: Position) -> RunReport:
        """Send call after call until one of the stops, and return the report."""
        here: Position | None = begin
        stop, words = Stop.COMPLETE, ""
        last: tuple[CallOutcome, OutgoingCall, Body] | None = None
        while here is not None:
            try:
                if last is not None:
                    self._check_stops()
                call = self._call(here)
                outcome = send_call(self._access, call)
                body = read_body(outcome.result)
                last = outcome, call, body
                here = self._take(here, call, outcome, body)
            except QuotaExceeded as error:
                if last is None:
                    raise
                stop, words = Stop.LIMIT, error.detail
                break
            except Stopped as stopped:
                stop, words = stopped.stop, stopped.words
                break
        if last is None:
            raise Invalid.field("resume", words or "It does not lead anywhere.")
        return self._report(*last, stop, words, here if stop is not Stop.COMPLETE else None)

    def _check_stops(self) -> None:
        """Raise Stopped when no further page is to be asked for."""
        pagination = self._pagination
        if len(self._pages) >= self._pages_max:
            raise Stopped(
                Stop.PAGES_MAX, f"It stopped after {len(self._pages)} pages, as it was to. There is more."
            )
        if len(self._records or ()) >= pagination.records_max:
            raise Stopped(
                Stop.RECORDS_MAX, f"It stopped after {len(self._records or ()):,} records. There is more."
            )
        if self._size_bytes >= pagination.size_max_mib * 1024 * 1024:
            raise Stopped(Stop.SIZE_MAX, f"It stopped after {pagination.size_max_mib} MiB. There is more.")
        if self._ends_at_s - clock.steady_s() < _SHORTEST_S:
            raise Stopped(
                Stop.SECONDS_MAX, f"It stopped after {pagination.seconds_max} seconds. There is more."
            )

    def _call(self, here: Position) -> OutgoingCall:
        definition, pagination = self._definition, self._pagination
        body = self._prepared.body
        query = self._prepared.query
        added: dict[str, Value] = {}
        if pagination.has_pages and pagination.size_parameter:
            added[pagination.size_parameter] = pagination.size
        if pagination.sends_position and here.value is not None:
            if pagination.parameter_in == "body":
                body = {**body, pagination.parameter: here.value}
            else:
                added[pagination.parameter] = here.value
        query = [(name, value) for name, value in query if name not in added]
        query += [(name, text_of(value)) for name, value in added.items()]
        content = orjson.dumps(body) if definition.body else b""
        return OutgoingCall(
            url=here.url or address_of(self._access.base_url, self._prepared.path, query),
            purpose="rest",
            method=definition.method,
            headers=self._headers(content),
            body=content,
            source_id=self._endpoint_id,
            timeout_s=max(_SHORTEST_S, min(TIMEOUT_S, self._ends_at_s - clock.steady_s())),
        )

    def _headers(self, content: bytes) -> list[tuple[str, str]]:
        headers = list(self._prepared.headers)
        named = {name.lower() for name, _ in headers} | {name.lower() for name in self._access.headers}
        if "accept" not in named:
            headers.append(("Accept", "application/json"))
        if content and "content-type" not in named:
            headers.append(("Content-Type", "application/json"))
        own = self._definition.idempotency_header
        if own and own.lower() not in named and self._definition.method not in SAFE_METHODS:
            headers.append((own, self._key))
        return headers

    def _take(self, here: Position, call: OutgoingCall, outcome: CallOutcome, body: Body) -> Position | None:
        """Add a page; return where the next one begins, None after the last. Raises Stopped."""
        result, pagination = outcome.result, self._pagination
        records = self._records_of(body)
        self._pages.append(
            PageReport(
                status_code=result.status_code,
                total_ms=result.total_ms,
                size_bytes=len(result.body),
                record_count=None if records is None else len(records),
                tries=outcome.tries,
                log_id=outcome.log_id,
            )
        )
        self._size_bytes += len(result.body)
        check_success(result)
        if pagination.has_pages:
            if not body.is_json:
                raise Stopped(
                    Stop.UNREADABLE, body.note or "The answer is not JSON, so the next page is unknown."
                )
            self._check_is_new(here, body, records)
        if records is not None:
            self._records = [
                *(self._records or ()),
                *masked_value(records, secrets_of(self._access, outcome)),
            ]
        try:
            following = next_position(
                pagination, here, PageAnswer(call.url, result.headers, body.value, records)
            )
        except CannotGoOn as error:
            raise Stopped(Stop.UNREADABLE, str(error)) from None
        if following is not None and following.url is not None:
            following = Position(url=own_address(self._access, following.url))
        if following in self._seen:
            raise Stopped(
                Stop.PAGINATION_STUCK, "The answer names a page as the next one that was read before."
            )
        return following

    def _records_of(self, body: Body) -> list[Any] | None:
        if self._pagination.records_at is None or not body.is_json:
            return None
        found = resolve(body.value, self._pagination.records_at)
        return found if found is not MISSING and isinstance(found, list) else None

    def _check_is_new(self, here: Position, body: Body, records: list[Any] | None) -> None:
        """Raise Stopped when the same page came again. An empty one may: some services search in steps."""
        self._seen.add(here)
        if records == []:
            return
        digest = hashlib.blake2b(orjson.dumps(body.value if records is None else records)).digest()
        if digest in self._seen:
            raise Stopped(
                Stop.PAGINATION_STUCK,
                "The service answered with the same page again. Check the parameter that asks for the next one.",
            )
        self._seen.add(digest)

    def _report(
        self,
        outcome: CallOutcome,
        call: OutgoingCall,
        body: Body,
        stop: Stop,
        words: str,
        left: Position | None,
    ) -> RunReport:
        access, result = self._access, outcome.result
        secrets = secrets_of(access, outcome)
        is_resumable = self._pagination.has_pages and stop in RESUMABLE
        return RunReport(
            succeeded=stop not in FAILURES,
            stop=stop,
            words=redact.text(words, secret_values=secrets),
            method=call.method,
            url=redact.url(redact.text(call.url, secret_values=secrets)),
            curl=curl_of(access, call.method, call.url, call.headers, call.body),
            status_code=result.status_code,
            error_kind=result.error_kind,
            started_at=result.started_at,
            dns_ms=result.dns_ms,
            connect_ms=result.connect_ms,
            tls_ms=result.tls_ms,
            first_byte_ms=result.first_byte_ms,
            total_ms=result.total_ms,
            headers=redaction.headers(redact.headers(result.headers, secret_values=secrets)),
            body=masked_body(body, secrets),
            records=self._records,
            pages=self._pages,
            resume=seal_position(self._endpoint_id, self._digest, left)
            if left is not None and is_resumable
            else None,
            limits=outcome.limits,
        )
