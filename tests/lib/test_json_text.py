"""JSON as text, indented."""

import json

from app.lib.json_text import pretty_json, reindent


def test_indenting_does_not_grow_with_the_depth_of_nesting() -> None:
    text = "[" * 500 + "1," * 4_000 + "1" + "]" * 500

    assert len(reindent(text)) < 100 * len(text)
    assert json.loads(reindent(text)) == json.loads(text)


def test_json_is_indented_and_other_text_stays() -> None:
    assert pretty_json(' {"n": 1.50}') == ('{\n  "n": 1.50\n}', "json")
    for text in ("", "plain", '{"cut": ', "[" * 100_000):
        assert pretty_json(text) == (text, "text")
