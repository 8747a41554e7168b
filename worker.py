"""The worker: a ticker that keeps RQ workers alive and dispatching.

`python worker.py` forks the processes that WORKER_QUEUES asks for, restarts those that die, and each second makes sure
that dispatch slices run. SIGTERM and SIGINT stop it gracefully; when it is killed, its processes notice and end.
"""

import sys

import rq.utils

from app.config import ConfigError
from app.factory import create_app
from app.lib import clock
from app.worker.pool import WorkerPool


def _let_rq_follow() -> None:
    """Give RQ the application's clock. By that of each machine, one that is ahead takes the jobs of others for abandoned."""
    rq.utils.now = clock.now


def main() -> None:
    """Start the pool. Exits with 2 when the configuration does not allow it."""
    try:
        app = create_app()
    except ConfigError as error:
        sys.exit(f"{error}")
    _let_rq_follow()
    WorkerPool(app).run()


if __name__ == "__main__":
    main()
