"""One call after the other to a service over TLS: new connections, resumed sessions, kept connections."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from app.lib.outbound import AllowedNetworks, Client, Request, Result, send
from app.lib.outbound.trust import find_ca_file
from bench.environment import Environment
from bench.report import Figure, over_rounds
from bench.sizes import Sizes
from tests.certificates import make_certificate
from tests.hostile_receivers import Receiver, answer_ok

_LOOPBACK = AllowedNetworks.parse("127.0.0.0/8")
_CALLS = 50
#: No database is asked.
_DATABASE = "none"


def measure(_stage: Environment, sizes: Sizes) -> Iterator[Figure]:
    """Yield the mean time of a call, with the system's CA bundle. The receiver runs in the same process."""
    with TemporaryDirectory() as name:
        certificate = make_certificate(Path(name))
        ca_file = _bundle_with(certificate[0], Path(name))
        with (
            Receiver(answer_ok, certificate=certificate) as receiver,
            Client(_LOOPBACK, ca_file=ca_file) as keeping,
            Client(_LOOPBACK, ca_file=ca_file, lifetime_s=0) as resuming,
        ):
            request = Request(receiver.url, method="GET")
            calls: dict[str, Callable[[], Result]] = {
                "a new connection": lambda: send(request, allowed=_LOOPBACK, ca_file=ca_file),
                "a new connection, session resumed": lambda: resuming.send(request, key="team"),
                "a kept connection": lambda: keeping.send(request, key="team"),
            }
            for what, call in calls.items():
                call()
                times = [_mean_ms(call) for _ in range(sizes.rounds)]
                yield over_rounds(f"TLS call over {what}", _DATABASE, times, "ms")


def _mean_ms(call: Callable[[], Result]) -> float:
    start_s = time.perf_counter()
    for _ in range(_CALLS):
        result = call()
        if result.status_code != 200:
            raise LookupError(f"The receiver did not answer: {result.error_detail}")
    return (time.perf_counter() - start_s) / _CALLS * 1000


def _bundle_with(certificate: str, folder: Path) -> str:
    """Return a CA bundle of the system's size that holds the certificate as well."""
    system = find_ca_file()
    bundle = folder / "bundle.pem"
    bundle.write_bytes((Path(system).read_bytes() if system else b"") + Path(certificate).read_bytes())
    return str(bundle)
