"""Templates of addresses, and what may be put into them."""

import pytest

from app.integrations.addresses import (
    MissingValue,
    expand,
    expand_query,
    is_header_name,
    is_host,
    is_host_label,
    is_path,
    is_path_segment,
    names_in,
    origin_of,
)


def test_names_are_replaced_once() -> None:
    assert expand("https://{sub}.example.com/{path}", {"sub": "acme", "path": "{sub}"}) == (
        "https://acme.example.com/{sub}"
    )
    assert names_in("https://{sub}.example.com/{path}") == ("sub", "path")


@pytest.mark.parametrize("values", [{}, {"sub": ""}])
def test_a_name_without_value_is_said(values: dict[str, str]) -> None:
    with pytest.raises(MissingValue) as raised:
        expand("https://{sub}.example.com", values)
    assert raised.value.name == "sub"


def test_values_of_queries_are_encoded() -> None:
    assert expand_query("/token?user={user}", {"user": "a&b=c/d"}) == "/token?user=a%26b%3Dc%2Fd"


@pytest.mark.parametrize("text", ["acme", "a", "acme-2", "A1"])
def test_host_labels(text: str) -> None:
    assert is_host_label(text)
    assert is_host(f"{text}.example.com")


@pytest.mark.parametrize(
    "text", ["", "-a", "a-", "a.b/", "evil.com#", "a@b", "a b", "a" * 64, "é", "a\n", "a:80", "a?b", "a\\b"]
)
def test_what_would_leave_the_domain_is_no_host(text: str) -> None:
    assert not is_host_label(text)
    assert not is_host(f"{text}.example.com")


@pytest.mark.parametrize("text", ["..", ".", "a/b", "a\\b", "a?b", "a#b", "%2e%2e", "a\r\nb"])
def test_what_would_leave_its_place_is_no_path_segment(text: str) -> None:
    assert not is_path_segment(text)


@pytest.mark.parametrize("text", ["/", "/me", "/v1/me?active=true&x=%20", "/a//b", "/@me"])
def test_paths(text: str) -> None:
    assert is_path(text)


@pytest.mark.parametrize(
    "text", ["", "me", "//evil.example", "/a b", "/a#b", "/\\evil", "/{token}", "/é", "/a\n", "https://a"]
)
def test_what_would_leave_its_server_is_no_path(text: str) -> None:
    assert not is_path(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [("X-Api-Key", True), ("x_key", True), ("", False), ("X Key", False), ("X:", False), ("é", False), ("a\r\nb", False),
     ("a" * 101, False), ("a\n", False)],
)  # fmt: skip
def test_names_of_headers(text: str, fits: bool) -> None:
    assert is_header_name(text) == fits


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin_of("HTTPS://Example.com:8443/a?b") == ("https", "example.com:8443")
    assert origin_of("https://example.com@evil.example/") == ("https", "example.com@evil.example")
