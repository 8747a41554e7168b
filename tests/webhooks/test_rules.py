"""Pure parts: which types a pattern covers, headers, schedules, and the snippets that verify."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from app.lib.signing import new_secret, secret_key, sign
from app.webhooks.custom_headers import read_lines
from app.webhooks.rules import wants
from app.webhooks.schedule import in_words
from app.webhooks.snippets import SNIPPETS


@pytest.mark.parametrize(
    ("pattern", "event_type", "is_wanted"),
    [
        ("post.published", "post.published", True),
        ("post.published", "post.failed", False),
        ("post.*", "post.failed", True),
        ("post.*", "posts.failed", False),
        ("post.*", "post", False),
        ("a.b.*", "a.b.c", True),
        ("a.b.*", "a.bc", False),
        ("*", "order.shipped", True),
        ("*", "signalbox.test", False),
        ("signalbox.*", "signalbox.webhook.failing", True),
    ],
)
def test_pattern_covers_types(pattern: str, event_type: str, is_wanted: bool) -> None:
    assert wants([pattern], event_type) is is_wanted


def test_header_lines_are_read_with_any_line_ending() -> None:
    assert read_lines("A: 1\r\nB:2\rC : x:y\n\n") == [("A", "1"), ("B", "2"), ("C", "x:y")]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (80, "1 min 20 s"), (3600, "1 h"), (90_061, "1 d 1 h")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_python_snippet_accepts_ours_and_refuses_the_rest() -> None:
    scope: dict = {}
    exec(next(snippet.code for snippet in SNIPPETS if snippet.key == "python"), scope)
    secret, body, now = new_secret(), b'{"a":1}', int(time.time())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now),
        "webhook-signature": "v1,AAAA "
        + sign(secret_key(secret), message_id="evt_1", timestamp_s=now, body=body),
    }

    scope["verify"](secret, headers, body)
    for wrong in (
        (secret, headers, body + b" "),
        (new_secret(), headers, body),
        (secret, headers | {"webhook-id": "evt_2"}, body),
        (secret, headers | {"webhook-timestamp": str(now - 301)}, body),
    ):
        with pytest.raises(ValueError):
            scope["verify"](*wrong)


@pytest.mark.parametrize(
    ("key", "program", "suffix", "call"),
    [
        ("node", "node", "js", "verify({secret!r}, {{'webhook-id':'evt_1','webhook-timestamp':'{now}','webhook-signature':'{signature}'}}, Buffer.from('{body}'));"),
        ("php", "php", "php", "verify({secret!r}, ['webhook-id'=>'evt_1','webhook-timestamp'=>'{now}','webhook-signature'=>'{signature}'], '{body}');"),
        ("ruby", "ruby", "rb", "verify({secret!r}, {{'webhook-id'=>'evt_1','webhook-timestamp'=>'{now}','webhook-signature'=>'{signature}'}}, '{body}')"),
    ],
)  # fmt: skip
def test_snippet_runs_where_its_language_is_installed(
    key: str, program: str, suffix: str, call: str, tmp_path: Path
) -> None:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    code = next(snippet.code for snippet in SNIPPETS if snippet.key == key)
    secret, body, now = new_secret(), '{"a":1}', int(time.time())
    signature = sign(secret_key(secret), message_id="evt_1", timestamp_s=now, body=body.encode())
    for given, is_right in ((signature, True), ("v1,AAAA", False)):
        script = tmp_path / f"verify.{suffix}"
        script.write_text(
            code + "\n" + call.format(secret=secret, now=now, signature=given, body=body) + "\n"
        )
        result = subprocess.run([found, str(script)], capture_output=True, check=False)
        assert (result.returncode == 0) is is_right, result.stderr
