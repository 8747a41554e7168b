"""What is masked in URLs and texts."""

import pytest

from app.lib import redact
from app.lib.redact import MASK


@pytest.mark.parametrize(
    "url", ["/a?pass%77ord=hunter2", "/a?x=1;token=hunter2", "/a?x=1#token=hunter2", "/a?own=hunter2"]
)
def test_secret_parameters_are_masked(url: str) -> None:
    assert "hunter2" not in redact.url(url, secret_names=frozenset({"own"}))


def test_long_secret_is_masked_before_the_short_one_within_it() -> None:
    assert redact.text("x=abcdefgh12345678", secret_values=["abcdefgh", "abcdefgh12345678"]) == f"x={MASK}"


def test_start_of_a_secret_at_the_end_of_a_cut_text_is_masked() -> None:
    secrets = ["correct horse battery", "correct hat"]

    assert redact.text("echo: correct ho", secret_values=secrets, is_cut=True) == f"echo: {MASK}"
    assert redact.text("echo: correct ho", secret_values=secrets) == "echo: correct ho"
