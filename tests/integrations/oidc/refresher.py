"""Asks for a connection's access token from several threads at once, as a web process does.

    python -m tests.integrations.oidc.refresher con_… 8

It prints "ready", waits for a line on stdin, and prints each thread's token, or its error, on a line.
"""

import sys
import threading

from app.config import load_settings
from app.factory import create_app
from app.integrations.services.tokens import access_token_of


def main(connection_id: str, thread_count: int) -> None:
    app, found = create_app(load_settings()), []
    barrier = threading.Barrier(thread_count)

    def ask() -> None:
        with app.app_context():
            barrier.wait()
            try:
                found.append(access_token_of(connection_id).access_token)
            except Exception as error:
                found.append(f"error: {error!r}")

    threads = [threading.Thread(target=ask) for _ in range(thread_count)]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n".join(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
