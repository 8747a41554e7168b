"""Nothing that reads foreign text by hand, or through a library, takes more than linear time."""

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from pydantic import BaseModel
from werkzeug import http
from werkzeug.formparser import parse_form_data
from werkzeug.wrappers import Request

from app.accounts import codes, rules, user_agents
from app.accounts import schemas as account_schemas
from app.api_keys import secret_scanner, tokens
from app.api_keys.schemas.checks import VerifyIn
from app.api_keys.schemas.keys import KeyIn
from app.events import rules as event_rules
from app.events import schemas as event_schemas
from app.idempotency.rules import digest_of
from app.lib import redact
from app.lib.json_text import pretty_json, reindent
from app.lib.outbound.urls import check_url
from app.request_log import calls, redaction
from app.web.lists.downloads import csv_lines
from app.web.request_heads import BoundedRequestHeads
from app.web.secret_fields import RequestSecrets
from app.webhooks import custom_headers, subscriptions
from app.webhooks.schemas import webhooks as webhook_schemas
from tests.linear_time.attacks import Attack, attacks_on_parsers
from tests.linear_time.growth import SIZES, Call, too_fast_growth

WEBHOOK_SECRETS = RequestSecrets(body=frozenset({"headers"}), body_fields=frozenset({"name", "headers"}))
#: Smaller first: what is quadratic is seen before it takes long.
QUICK_SIZES = (4_096, 32_768)


def redact_body(text: str, **options: Any) -> None:
    # Without its cut, to see that the scanner itself is linear.
    redaction.body(text.encode(), is_cut=False, size_max=1 << 20, **options)


def fit(model: type[BaseModel]) -> Callable[[str], object]:
    return lambda text: model.model_validate(orjson.loads(text))


def read_head(text: str) -> None:
    """Read everything that Werkzeug can read of a request's head, as it arrives behind the bound."""
    seen: dict[str, Any] = {}

    def read(environ: Any, _start: Any) -> list[bytes]:
        asked = Request(environ)
        seen["all"] = [
            asked.cookies,
            asked.accept_mimetypes,
            asked.accept_languages,
            asked.if_none_match,
            asked.range,
            asked.cache_control,
            asked.authorization,
            asked.access_route,
            asked.args,
            asked.mimetype_params,
        ]
        return []

    value = text.replace("\r", "").replace("\n", "").encode("latin-1", "replace").decode("latin-1")
    names = (
        "COOKIE",
        "ACCEPT",
        "ACCEPT_LANGUAGE",
        "IF_NONE_MATCH",
        "RANGE",
        "CACHE_CONTROL",
        "AUTHORIZATION",
    )
    fields = {f"HTTP_{name}": value[:4_000] for name in (*names, "X_FORWARDED_FOR")}
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "QUERY_STRING": value,
        "CONTENT_TYPE": value,
        **fields,
    }
    BoundedRequestHeads(read)(environ, lambda *_: lambda _: None)


def read_form(text: str, kind: str) -> None:
    body = text.encode()
    parse_form_data(
        {
            "REQUEST_METHOD": "POST",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": kind,
        },
        max_form_memory_size=500_000,
        max_form_parts=1_000,
    )


PARSERS: Mapping[str, Callable[[str], object]] = {
    "redaction of a body": redact_body,
    "redaction of a body with secret fields": partial(redact_body, secrets=WEBHOOK_SECRETS),
    "redaction of a URL": redact.url,
    "redaction of a URL's query": lambda text: redact.url(f"/api?{text}"),
    "redaction of headers": lambda text: redaction.headers([("X-Note", text), (text, "x")]),
    "redaction of own secrets": redact.own_secrets,
    "redaction of a value": lambda text: redact.json_value("note", {text: [text]}),
    "redaction by value": lambda text: redact.text(text, secret_values=("a" * 4_000, "token"), is_cut=True),
    "names of secrets": redact.is_secret_name,
    "refusals": lambda text: calls.read_refusal(text.encode(), WEBHOOK_SECRETS),
    "CSV": lambda text: list(csv_lines(["value"], [SimpleNamespace(value=text)])),
    "leak scanner": lambda text: list(secret_scanner.scan_stream(io.BytesIO(text.encode()), "x")),
    "names of leaking files": secret_scanner.printable,
    "API keys": tokens.kid_of,
    "URLs": lambda text: check_url(f"https://{text}"),
    "custom headers": lambda text: custom_headers.checked(custom_headers.read_lines(text)),
    "patterns of event types": lambda text: subscriptions.checked_patterns(
        text.split(","), known_names=["post.published"]
    ),
    "names of event types": event_rules.check_type_form,
    "event data": lambda text: event_rules.encode_object({"a": text, text: 1}, field="data"),
    "event descriptions": event_rules.check_description,
    "idempotency keys": event_rules.check_idempotency_key,
    "idempotency digests": lambda text: digest_of("key_x", "POST", "/", text.encode()),
    "JSON bodies": orjson.loads,
    "indented JSON": pretty_json,
    "indented tokens": reindent,
    "email addresses": rules.normal_email,
    "names": rules.one_line,
    "team slugs": rules.slug_of,
    "passwords": lambda text: rules.wrong_with_password(text, email="a@example.com"),
    "recovery codes": codes.digest_of_recovery_code,
    "one-time codes": codes.is_one_time_code,
    "user agents": user_agents.in_words,
    "head of a request": read_head,
    "multipart forms": partial(read_form, kind="multipart/form-data; boundary=a"),
    "forms": partial(read_form, kind="application/x-www-form-urlencoded"),
    "parameters of content types": http.parse_options_header,
    "webhook bodies": fit(webhook_schemas.WebhookIn),
    "event bodies": fit(event_schemas.EventBatchIn),
    "key bodies": fit(KeyIn),
    "verification bodies": fit(VerifyIn),
    "invitation bodies": fit(account_schemas.InvitationIn),
}
#: Whole documents, for what reads only valid ones: a unit that is repeated between a beginning and an end.
DOCUMENTS: Mapping[str, tuple[str, str, str]] = {
    "numbers": ('{"a": [', "1,", "1]}"),
    "digits": ('{"a": ', "9", "}"),
    "nested": ('{"a": ', "[", ""),
    "names": ('{"x": 0', ',"password": {"a": "b"}', "}"),
    "same name": ('{"x": 0', ',"x": 0', "}"),
    "unknown names": ('{"x": 0', ',"headers": {"X": 1}', "}"),
    "escapes": ('{"a": "', "\\u0000", '"}'),
    "backslashes": ('{"a": "', "\\\\", '"}'),
    "lists of wrong types": ('{"name": "a", "url": "b", "event_types": [', "1,", "1]}"),
    "scopes": ('{"name": "a", "scopes": [', '"x",', '"x"]}'),
    "networks": ('{"name": "a", "scopes": [], "networks": ["', "1", '"]}'),
    "address": ('{"key": "a", "address": "', "1:", '"}'),
    "parts": ("--a\r\n", 'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n--a\r\n', "--a--"),
    "part header": ('--a\r\nContent-Disposition: form-data; name="', "\\", '"\r\n\r\n1\r\n--a--'),
    "boundaries": ("--a\r\n", "\r\n--", "\r\n--a--"),
    "fields": ("", "a=b&", ""),
    "combining marks": ("", "\u0327\u0301", ""),
    "errors": ('{"errors": [', '{"field": "headers.x", "message": "y"},', "{}]}"),
    "keys": ("", "sb_live_" + "a" * 12 + "_", ""),
    "wide keys": ("", "s\0b\0_\0", ""),
}


def all_attacks() -> dict[str, Attack]:
    def document(name: str, size: int) -> str:
        before, unit, after = DOCUMENTS[name]
        return before + unit * (size // len(unit)) + after

    return {**attacks_on_parsers(), **{name: partial(document, name) for name in DOCUMENTS}}


@pytest.mark.parametrize("name", PARSERS)
def test_time_of_a_parser_grows_with_its_input(name: str) -> None:
    attacks = {key: attack for key, attack in all_attacks().items() if key in DOCUMENTS or "'' + " in key}

    assert slow_attacks(PARSERS[name], attacks, QUICK_SIZES) == {}


@pytest.mark.parametrize("name", [name for name in PARSERS if name.startswith("redaction")])
@pytest.mark.parametrize("unit", ["a", "a ", "token=", '"token": "', '{"token": [', '"\\', "sb_live_"])
def test_redaction_is_linear_up_to_the_body_cap(name: str, unit: str) -> None:
    assert slow_attacks(PARSERS[name], {unit: lambda size: '["' + unit * (size // len(unit))}, SIZES) == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PARSERS)
def test_time_of_a_parser_grows_with_its_input_up_to_the_body_cap(name: str) -> None:
    assert slow_attacks(PARSERS[name], all_attacks(), SIZES) == {}


def test_quadratic_parser_is_found() -> None:
    def quadratic(text: str) -> None:
        for start in range(0, len(text), 8):
            text.count("token", start)

    assert slow_attacks(quadratic, all_attacks(), SIZES)


def slow_attacks(
    parser: Callable[[str], object], attacks: Mapping[str, Attack], sizes: tuple[int, ...]
) -> dict[str, str]:
    """Return the first attack under which the time grows too fast, with how it grows."""
    for name, attack in attacks.items():
        if growth := too_fast_growth(partial(_call, parser, attack), sizes):
            return {name: growth}
    return {}


def _call(parser: Callable[[str], object], attack: Attack, size: int) -> Call:
    text = attack(size)

    def run() -> None:
        # To refuse is as good as to accept.
        with suppress(Exception):
            parser(text)

    return run
