"""Sends to names that never resolve and to some that do, through the system's own resolver; prints what came of it.

A program of its own, because it is to run where `/etc/resolv.conf` is another: `python … URL`, with `{name}` in place
of the host.
"""

import json
import sys
import time

from app.lib.outbound import AllowedNetworks, Multi, Request

DEAD, EACH, FRESH = 50, 10, 20


def main(url: str) -> None:
    with Multi(AllowedNetworks.parse("127.0.0.0/8")) as multi:
        alone_ms = measure(multi, url, "alone")
        for number in range(DEAD * EACH):
            multi.add(Request(url.format(name=f"n{number % DEAD}.silent.test"), owner="dead", tag="dead"))
        ended_ms = time.monotonic() + 0.5
        while time.monotonic() < ended_ms:
            multi.poll(0.1)
        beside_ms = measure(multi, url, "beside")
        kinds = set()
        while multi.in_flight:
            kinds |= {result.error_kind for _, result in multi.poll(10)}
    print(json.dumps({"alone_ms": alone_ms, "beside_ms": beside_ms, "kinds": sorted(map(str, kinds))}))


def measure(multi: Multi, url: str, label: str) -> list[float]:
    """Return how long requests to fresh names and to one known name took, one after the other."""
    took_ms = []
    for number in range(FRESH):
        for name in (f"{label}{number}.live.test", "known.live.test"):
            began_s = time.monotonic()
            multi.add(Request(url.format(name=name), owner="other", tag=name))
            while not any(
                request.tag == name and result.status_code == 200 for request, result in multi.poll(1)
            ):
                assert time.monotonic() < began_s + 30, f"{name} was not reached"
            took_ms.append((time.monotonic() - began_s) * 1000)
    return took_ms


if __name__ == "__main__":
    main(sys.argv[1])
