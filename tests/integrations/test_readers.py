"""Readers of providers' JSON."""

from typing import Any

import pytest

from app.integrations.readers import graphql_text_at, origin_below, refuse_error, spaced, text_at
from app.integrations.spec import OAuth, Refused


@pytest.mark.parametrize(
    ("answer", "text"),
    [({"a": [{"b": "x"}]}, "x"), ({"a": [{"b": 7}]}, "7"), ({"a": [{"b": True}]}, None), ({"a": [{"b": ""}]}, None),
     ({"a": []}, None), ({"a": {"0": {"b": "x"}}}, None), ([], None), (None, None), ({"a": [{"b": ["x"]}]}, None),
     ({"a": [{"b": "x" * 300}]}, "x" * 200)],
)  # fmt: skip
def test_text_is_found_at_its_path_or_not_at_all(answer: Any, text: str | None) -> None:
    assert text_at("a", 0, "b")(answer) == text


def test_graphql_errors_are_refused_with_what_they_say() -> None:
    read = graphql_text_at("viewer", "name")

    assert read({"data": {"viewer": {"name": "Ada"}}}) == "Ada"
    with pytest.raises(Refused, match="Not authenticated"):
        read({"errors": [{"message": "Not authenticated"}], "data": None})
    with pytest.raises(Refused, match="no answer of a GraphQL server"):
        read({"message": "hello"})


def test_error_gets_the_standards_name() -> None:
    refuse_error({"access_token": "at"})
    with pytest.raises(Refused, match="theirs") as refused:
        refuse_error({"error": "theirs"}, {"theirs": "invalid_grant"})
    assert refused.value.code == "invalid_grant"


@pytest.mark.parametrize("error", [{"status": 429}, "", ["x"], 7])
def test_error_without_a_name_is_one(error: object) -> None:
    with pytest.raises(Refused) as refused:
        refuse_error({"error": error})

    assert (str(refused.value), refused.value.code) == ("The provider gives no reason.", "")


def test_origin_is_taken_without_the_rest_of_the_address() -> None:
    assert origin_below("https://EU1.Example.com/path?x=1", ["example.com"]) == "https://eu1.example.com"
    assert origin_below("https://example.com", ["example.com"]) == "https://example.com"


@pytest.mark.parametrize(
    "address",
    ["https://badexample.com", "https://example.com.evil.net", "http://example.com", "https://example.com:444", "https://u@example.com",
     "https://:p@example.com", "https://evil.net#.example.com", "https://evil.net?.example.com", "https://evil.net\\.example.com",
     "https://evil.net%2f.example.com", "https://ex\u0430mple.com", "https://example.com:x", "https://[::1].example.com", "", None, 7, ["https://example.com"]],
    ids=repr,
)  # fmt: skip
def test_origin_elsewhere_is_refused(address: object) -> None:
    with pytest.raises(Refused):
        origin_below(address, ["example.com"])


def test_scopes_become_separated_by_spaces() -> None:
    assert spaced("a,b, c") == "a b c"
    assert spaced(None) == ""


def test_details_without_a_reader_are_members_of_the_answer() -> None:
    oauth = OAuth(authorization_url="", token_url="", details_names=("dc",))

    assert oauth.details_of({"dc": "eu", "more": 1}, {}) == {"dc": "eu"}
    with pytest.raises(Refused, match="did not say dc"):
        oauth.details_of({}, {})
