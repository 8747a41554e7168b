"""What redaction masks in bodies: whole, broken, and cut off."""

import json

import pytest

from app.lib.redact import MASK
from app.request_log import redaction
from app.request_log.redaction import CANNOT_BE_MASKED, NO_BODY_TAKEN
from app.web.secret_fields import RequestSecrets

SIZE_MAX = 8_192
OF_WEBHOOKS = RequestSecrets(
    body=frozenset({"headers"}), body_fields=frozenset({"name", "url", "headers", "event_types"})
)


def shown(body: str | bytes, *, is_cut: bool = False, secrets: RequestSecrets | None = None) -> str:
    content = body if isinstance(body, bytes) else body.encode()
    return redaction.body(content, is_cut=is_cut, size_max=SIZE_MAX, secrets=secrets)


@pytest.mark.parametrize(
    "body",
    [
        '{"password": "hunter2"}',
        '{"credentials": {"user": [1, {"x": "hunter2"}], "y": "hunter2"}, "n": 1}',
        '{"p\\u0061ssword": "hunter2"}',
        '{"url": "https://x.test/?a=1\\u0026token=hunter2"}',
        '{"url": "https://me:hunter2@x.test/"}',
        '{"url": "https://x.test/#access_token=hunter2"}',
        '{"inner": "{\\"password\\": \\"hunter2\\"}"}',
        '{"a": 1e999, "p\\u0061ssword": "hunter2"}',
        "{'password': 'hunter2'}",
        '{"password": "x"hunter2", "a": 1}',
        '{"a"b": "c", "password": "hunter2"}',
        '{"password": "hunter2',
        '{"secret": ["x", "hunter2"',
        '{"secret": {"x": "}", "y": "hunter2"}, ',
        "password=hunter2&type=x",
        "Authorization: Bearer hunter2",
    ],
)
def test_secret_values_are_masked_however_the_body_is_written(body: str) -> None:
    assert "hunter2" not in shown(body)


def test_everything_else_stays_as_it_was_written() -> None:
    body = '{"n": 12345678901234567890123, "f": 1.50,  "n": null, "s": "Gr\\u00fc\\u00dfe", "l": [true, {}]}'

    assert shown(body) == body


def test_empty_secrets_are_seen_to_be_empty() -> None:
    assert shown('{"token": null, "secret": ""}') == '{"token": null, "secret": ""}'


@pytest.mark.parametrize("start", ['{"password": "', '{"note": "sb_live_', '{"note": "whsec_', "token="])
@pytest.mark.parametrize("kept_chars", range(8))
def test_secret_that_straddles_the_cut_is_masked(start: str, kept_chars: int) -> None:
    lead = "{" + " " * (SIZE_MAX - len(start) - kept_chars - 1)

    kept = shown(lead + start + "Q" * 100)

    assert kept.startswith(lead)
    assert "Q" not in kept


@pytest.mark.parametrize("name", ["headers", "Headers", "heaters", "HEADERS "])
def test_marked_and_unknown_fields_are_masked_whatever_they_are_called(name: str) -> None:
    body = json.dumps({"name": "", "url": "http://x.test/", name: {"X-Plain": "hunter2", "hunter2": "b"}})

    kept = shown(body, secrets=OF_WEBHOOKS)

    assert "hunter2" not in kept
    assert json.loads(kept) == {"name": "", "url": "http://x.test/", name: MASK}


def test_marked_field_in_the_wrong_place_is_masked() -> None:
    assert "hunter2" not in shown('{"name": {"headers": {"X": "hunter2"}}}', secrets=OF_WEBHOOKS)


@pytest.mark.parametrize(
    "body",
    ['{"headers": {"X": "hunter2"', '["headers", "hunter2"]', '{"name": "' + "x" * SIZE_MAX + '"}', "\xff"],
)
def test_body_in_which_marked_fields_cannot_be_found_is_not_kept(body: str) -> None:
    assert shown(body, secrets=OF_WEBHOOKS) == CANNOT_BE_MASKED


def test_body_of_a_route_that_takes_none_is_not_kept() -> None:
    assert shown('{"x": "hunter2"}', secrets=RequestSecrets()) == NO_BODY_TAKEN
