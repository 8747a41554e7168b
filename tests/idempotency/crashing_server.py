"""A web server on a loopback port of its own whose processes can be killed at an exact step of a request.

Each request is served by a process of its own. With the header `X-Kill-At: <step>` that process gets a SIGKILL when the
request under its Idempotency-Key gets there. Run with `python -m tests.idempotency.crashing_server PORT`; ends after five minutes.
"""

import os
import signal
import sys

from flask import Flask, has_request_context, request
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from app.extensions import db
from app.factory import create_app
from app.idempotency import services

HEADER = "X-Kill-At"
#: In the order in which a request passes them.
STEPS = ("before_commit", "after_commit", "before_answer_is_stored", "after_answer_is_stored")
_LIFE_S = 300


def kill_if_asked(step: str) -> None:
    """End this process as kill -9 does, if that was asked for."""
    if has_request_context() and request.headers.get(HEADER) == step:
        os.kill(os.getpid(), signal.SIGKILL)


def kill_on_request(app: Flask) -> None:
    """Kill the process at the step that a request names in its header."""

    def before_commit(_connection: object) -> None:
        if services.running_claim() is not None:
            kill_if_asked("before_commit")

    def after_commit(session: Session) -> None:
        if services.running_claim() is not None and not session.in_nested_transaction():
            kill_if_asked("after_commit")

    with app.app_context():
        # As late as possible: the statements were executed, and only the COMMIT is left.
        event.listen(db.engine, "commit", before_commit)
    event.listen(db.session, "after_commit", after_commit)
    keep = services.keep

    def keep_or_die(claimed: services.Claim, status: int, body: bytes) -> None:
        kill_if_asked("before_answer_is_stored")
        keep(claimed, status, body)
        kill_if_asked("after_answer_is_stored")

    services.keep = keep_or_die


if __name__ == "__main__":
    signal.alarm(_LIFE_S)
    app = create_app()
    kill_on_request(app)
    make_server("127.0.0.1", int(sys.argv[1]), app, processes=8).serve_forever()
