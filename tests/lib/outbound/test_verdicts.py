"""Which URLs are refused: by the early check, and again by libcurl at the moment a socket would be opened."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from app.lib.outbound import (
    AllowedNetworks,
    Multi,
    Request,
    UrlRefused,
    check_address,
    check_url,
    send,
)

Listeners = tuple[socket.socket, socket.socket]
Trap = tuple[int, Listeners]

# Everything here is refused by the text alone.
ADDRESSES_REFUSED = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "0x7f000001",
    "0x7f.1",
    "0X7F.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "127.0x0.1",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.1",
    "012.0.0.1",
    "167772161",
    "100.64.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.1.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "a.b.localhost.",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::1]",
    "[100::1]",
    "[100:0:0:1::1]",
    "[2001::1]",
    "[2001:0:7f00:1::]",
    "[2001:20::1]",
    "[2001:db8::1]",
    "[2002:7f00:1::1]",
    "[2620:4f:8000::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[4000::1]",
    "[1::1]",
]

# Refused by the text, in a spelling that libcurl does not take, or takes for something else: it must not connect either.
SPELLINGS_REFUSED = [
    "http://①②⑦.⓪.⓪.①/",
    "http://１２７.０.０.１/",
    "http://127。0。0。1/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://user@127.0.0.1/",
    "http://user:pass@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http:\\\\127.0.0.1/",
    "http://exa mple.com/",
    "http://exa\tmple.com/",
    "http://example.com/\r\nX-Injected: 1",
    " http://example.com/",
    "http://example.com/\x00",
    "http://%31%32%37.0.0.1/",
    "http://[fe80::1%25lo]/",
    "http://[::1/",
    "http://[::1]evil/",
    "http://[v1.fe80::a]/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://127.0.0.08/",
    "http://0x/",
    "http://4294967296/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:-1/",
    "http://example.com:80a/",
    "http://example.com:/",
    "http://example.com:٨٠/",
    "http:///path",
    "http://",
    "http:/example.com/",
    "http:example.com",
    "//example.com/",
    "example.com",
    "",
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "gopher://127.0.0.1:6379/_PING",
    "ftp://example.com/",
    "dict://127.0.0.1:11211/stats",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "ws://example.com/",
    "javascript:alert(1)",
    "http://exa..mple.com/",
    "http://.example.com/",
    "http://example.com../",
    "http://-example.com/",
    "http://exa$mple.com/",
    "http://" + "a" * 64 + ".com/",
    "http://example.com/" + "a" * 2048,
]

NORMALISED = [
    ("https://example.com", "https://example.com/"),
    ("HTTPS://EXAMPLE.com:443/Path?Q=1", "https://example.com/Path?Q=1"),
    ("http://example.com:80/", "http://example.com/"),
    ("http://example.com:8080", "http://example.com:8080/"),
    ("http://example.com.", "http://example.com/"),
    ("http://example.com?x=1#top", "http://example.com/?x=1"),
    ("http://my_service.example.com/", "http://my_service.example.com/"),
    ("http://redis:6379/", "http://redis:6379/"),
    ("https://bücher.example/ü?q=ß", "https://xn--bcher-kva.example/%C3%BC?q=%C3%9F"),
    ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
    ("https://ｅｘａｍｐｌｅ.com/", "https://example.com/"),
    ("http://8.8.8.8/", "http://8.8.8.8/"),
    ("http://0x08080808/", "http://8.8.8.8/"),
    ("http://[::ffff:8.8.8.8]/", "http://8.8.8.8/"),
    ("http://[2606:4700:0:0::1111]:8443/", "http://[2606:4700::1111]:8443/"),
    ("http://172.32.0.1/", "http://172.32.0.1/"),
    ("http://metadata.google.internal/", "http://metadata.google.internal/"),
]


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    """A listening port that counts who connects, on every loopback address of both families."""
    with contextlib.ExitStack() as closing:
        v4 = closing.enter_context(socket.create_server(("0.0.0.0", 0)))
        port = v4.getsockname()[1]
        v6 = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=False)
        closing.enter_context(v6)
        v4.settimeout(0)
        v6.settimeout(0)
        yield port, (v4, v6)


def assert_untouched(listeners: Listeners) -> None:
    for listener in listeners:
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("host", ADDRESSES_REFUSED)
def test_special_address_is_refused_by_check_and_at_the_socket(host: str, trap: Trap) -> None:
    port, listeners = trap
    with pytest.raises(UrlRefused):
        check_url(f"http://{host}:{port}/")
    result = send(Request(f"http://{host}:{port}/", timeout_s=2))
    assert (result.error_kind, result.status_code) == ("address_refused", None)
    assert result.remote_address is None
    assert_untouched(listeners)


def test_multi_refuses_every_special_address(trap: Trap) -> None:
    port, listeners = trap
    with Multi() as multi:
        for host in ADDRESSES_REFUSED:
            multi.add(Request(f"http://{host}:{port}/", timeout_s=2, tag=host))
        kinds: dict[object, str | None] = {}
        while multi.in_flight:
            kinds.update((request.tag, result.error_kind) for request, result in multi.poll(5))
    assert kinds == dict.fromkeys(ADDRESSES_REFUSED, "address_refused")
    assert_untouched(listeners)


@pytest.mark.parametrize("url", SPELLINGS_REFUSED)
def test_odd_spelling_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://①②⑦.⓪.⓪.①:{port}/",
        "http://１２７.０.０.１:{port}/",
        "http://127。0。0。1:{port}/",
        "http://user:pass@127.0.0.1:{port}/",
        "http://example.com@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@127.0.0.1:{port}/",
        "http:\\\\127.0.0.1:{port}/",
        "http:127.0.0.1:{port}/",
        "http:/127.0.0.1:{port}/",
        "http:///127.0.0.1:{port}/",
        "http://%31%32%37.0.0.1:{port}/",
        "http://127.0.0.1%2e:{port}/",
        "http://127.0.0.1\t:{port}/",
        "http://[::1%25lo]:{port}/",
        "http://[fe80::1%25lo]:{port}/",
        "127.0.0.1:{port}",
        "//127.0.0.1:{port}/",
    ],
)
def test_odd_spelling_reaches_nobody(url: str, trap: Trap) -> None:
    port, listeners = trap
    try:
        result = send(Request(url.format(port=port), timeout_s=2))
    except ValueError:
        pass
    else:
        assert result.error_kind in {"address_refused", "url_invalid", "dns_failed", "dns_timeout"}
    assert_untouched(listeners)


@pytest.mark.parametrize("scheme", ["file", "gopher", "ftp", "dict", "ws", "telnet", "ldap", "FILE"])
def test_only_http_leaves_the_house(scheme: str) -> None:
    with pytest.raises(ValueError, match="http"):
        send(Request(f"{scheme}://127.0.0.1/etc/passwd"))


@pytest.mark.parametrize(("url", "normalised"), NORMALISED)
def test_good_url_is_normalised_and_stays_good(url: str, normalised: str) -> None:
    assert check_url(url) == normalised
    assert check_url(normalised) == normalised


def test_message_tells_a_person_what_is_wrong() -> None:
    with pytest.raises(UrlRefused, match=r"127\.0\.0\.1 is a loopback address"):
        check_url("http://2130706433/")


def test_allowed_network_opens_the_check_for_its_port_only() -> None:
    allowed = AllowedNetworks.parse("127.0.0.0/8:8080, [::1]/128")
    assert check_url("http://0x7f.1:8080/", allowed) == "http://127.0.0.1:8080/"
    assert check_url("http://[::ffff:127.0.0.1]:8080/", allowed) == "http://127.0.0.1:8080/"
    assert check_url("http://localhost:9/", allowed) == "http://localhost:9/"
    with pytest.raises(UrlRefused):
        check_url("http://127.0.0.1:8081/", allowed)


@pytest.mark.parametrize(
    ("text", "address", "port", "is_allowed"),
    [
        ("", "127.0.0.1", 80, False),
        ("127.0.0.0/8", "127.9.9.9", 1, True),
        ("127.0.0.1", "127.0.0.2", 80, False),
        (" 10.1.0.0/16:8080 ,", "10.1.2.3", 8080, True),
        ("10.1.0.0/16:8080", "10.1.2.3", 8081, False),
        ("[::1]/128:9000", "::1", 9000, True),
        ("[::1]/128:9000", "::1", 9001, False),
        ("[fd00::]/8", "fd12::1", 80, True),
        ("fd00::/8", "fd12::1", 80, True),
        ("::ffff:10.0.0.0/104", "10.2.3.4", 80, True),
        ("10.0.0.0/8", "::ffff:10.2.3.4", 80, True),
        ("0.0.0.0/0", "::1", 80, False),
        ("::1", "fe80::1%eth0", 80, False),
        ("", "8.8.8.8", 80, True),
        ("", "2606:4700::1111", 443, True),
        ("", "no address", 443, False),
    ],
)
def test_allowed_networks_open_what_they_name(text: str, address: str, port: int, is_allowed: bool) -> None:
    assert (check_address(address, port, AllowedNetworks.parse(text)) is None) is is_allowed


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1/8",
        "10.0.0.0/8:0",
        "10.0.0.0/8:http",
        "[::1",
        "example.com",
        "10.0.0.0/33",
        "[::1]/128:",
        "1:2",
    ],
)
def test_bad_allowed_network_is_named(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        AllowedNetworks.parse(f"127.0.0.0/8, {text}")
    assert repr(text) in str(caught.value)
