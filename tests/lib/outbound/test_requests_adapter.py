"""A `requests` session that has no way out but ours."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import requests

from app.lib.outbound import NOTHING_ALLOWED, AllowedNetworks, Client, Resolver
from app.lib.outbound.requests_adapter import OutboundAdapter
from tests.hostile_receivers import Behaviour, Receiver, answer, answer_ok, drip_body, never_answer
from tests.lib.outbound.conftest import LOOPBACK


def session(
    allowed: AllowedNetworks = LOOPBACK, ca_file: str | None = None, *, timeout_s: float = 60
) -> requests.Session:
    client = Client(allowed, ca_file=ca_file)
    made = requests.Session()
    made.trust_env = False
    made.adapters.clear()
    for scheme in ("https://", "http://"):
        made.mount(
            scheme,
            OutboundAdapter(client, key="test", timeout_s=timeout_s, max_body_bytes=1000),
        )
    return made


def test_request_and_answer_pass_through() -> None:
    raw = (
        b"HTTP/1.1 201 Created\r\nContent-Type: application/json; charset=utf-8\r\nX-A: 1\r\nX-A: 2\r\n"
        b'Content-Length: 10\r\n\r\n{"a": "b"}'
    )
    with Receiver(answer(raw)) as receiver:
        got = session().get(receiver.url, params={"q": "ä b"}, headers={"X-Own": "1"})

    assert (got.status_code, got.json(), got.headers["x-a"]) == (201, {"a": "b"}, "1, 2")
    assert got.encoding == "utf-8"


def test_connection_outlives_the_session() -> None:
    with Receiver(answer_ok) as receiver, Client(LOOPBACK) as client:
        for _ in range(3):
            with requests.Session() as made:
                made.mount("http://", OutboundAdapter(client, key="test", timeout_s=60, max_body_bytes=1000))
                assert made.get(receiver.url).status_code == 200

        assert receiver.connection_count == 1


def test_form_is_sent_without_promising_to_unpack() -> None:
    with Receiver(answer_ok) as receiver:
        session().post(receiver.url, data={"code": "a b"})
        sent = receiver.requests[0].decode()

    assert sent.endswith("\r\n\r\ncode=a+b")
    assert "accept-encoding" not in sent.lower()
    assert sent.lower().count("content-length") == 1


def test_private_address_is_refused() -> None:
    with Receiver(answer_ok) as receiver:
        with pytest.raises(requests.exceptions.ConnectionError, match="address_refused"):
            session(NOTHING_ALLOWED).get(receiver.url)
        assert receiver.connection_count == 0


def test_redirect_is_not_followed() -> None:
    with Receiver(answer_ok) as other:
        raw = f"HTTP/1.1 307 x\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with (
            Receiver(answer(raw)) as receiver,
            pytest.raises(requests.exceptions.TooManyRedirects),
        ):
            session().post(receiver.url, data={"secret": "x"})
        assert other.connection_count == 0


@pytest.mark.parametrize("behaviour", [never_answer, drip_body], ids=["silence", "a byte at a time"])
def test_slow_answer_ends_at_the_deadline(behaviour: Behaviour) -> None:
    with Receiver(behaviour) as receiver, pytest.raises(requests.exceptions.Timeout):
        session(timeout_s=0.5).get(receiver.url, timeout=60)


def test_large_answer_is_refused_not_cut() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001
    with (
        Receiver(answer(raw)) as receiver,
        pytest.raises(requests.exceptions.ContentDecodingError),
    ):
        session().get(receiver.url)


def test_closed_port_is_a_connection_error() -> None:
    with pytest.raises(requests.exceptions.ConnectionError, match="connect_refused"):
        session().get("http://127.0.0.1:1/")


def test_certificate_of_nobody_known_is_refused(certificate: tuple[str, str]) -> None:
    with Receiver(answer_ok, certificate=certificate) as receiver:
        with pytest.raises(requests.exceptions.ConnectionError, match="tls_failed"):
            session().get(receiver.url, verify=False)
        assert session(ca_file=certificate[0]).get(receiver.url).status_code == 200


def test_other_scheme_and_streams_are_not_sent() -> None:
    with pytest.raises(requests.exceptions.InvalidSchema):
        session().get("file:///etc/passwd")
    with pytest.raises(requests.exceptions.InvalidURL):
        session().post("http://127.0.0.1:1/", data=iter([b"x"]))


def test_dead_names_of_one_key_hold_up_no_name_of_another() -> None:
    answers = Event()

    def look_up(host: str) -> list[str]:
        if host.startswith("dead"):
            answers.wait(60)
        return ["127.0.0.1"]

    # Half of the threads that are left for names never seen: one for each key.
    resolver = Resolver(look_up, threads_max=4)
    with Receiver(answer_ok) as receiver, Client(LOOPBACK, resolver=resolver) as client:

        def get(key: str, host: str) -> requests.Response:
            made = requests.Session()
            made.mount("http://", OutboundAdapter(client, key=key, timeout_s=60, max_body_bytes=1000))
            return made.get(f"http://{host}:{receiver.port}/")

        with ThreadPoolExecutor(2) as pool:
            for number in range(2):
                pool.submit(get, "a", f"dead{number}.example")
            try:
                assert get("b", "good.example").status_code == 200
            finally:
                answers.set()
