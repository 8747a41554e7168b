"""One dispatching process: what `worker.py` does for the queue `dispatch`, from a cold start, without RQ around it.

Its clock stops when the last of `count` attempts to `webhook_ids` is committed.
"""

import os
import time
from collections.abc import Sequence
from typing import Any

from app.extensions import current_settings
from app.factory import create_app
from app.lib.ids import new_id
from app.webhooks.dispatch.dispatcher import Dispatcher
from app.webhooks.dispatch.outcomes import Outcome
from app.webhooks.dispatch.tuning import tune_process
from bench.children import answer, read_settings


def main(wanted: dict[str, Any]) -> None:
    """Dispatch until enough is recorded or the time is over, and answer with count and time."""
    counted_ids, wanted_count = set(wanted["webhook_ids"]), wanted["count"]
    app = create_app()
    tune_process()
    with app.app_context():
        dispatcher = Dispatcher(app, current_settings())
        recorded, last_at_s = 0, 0.0
        write = dispatcher._store.write

        def counting_write(outcomes: Sequence[Outcome]) -> list[str]:
            nonlocal recorded, last_at_s
            disabled = write(outcomes)
            recorded += sum(outcome.claimed.webhook_id in counted_ids for outcome in outcomes)
            last_at_s = time.monotonic()
            return disabled

        dispatcher._store.write = counting_write  # type: ignore[method-assign]
        start_s, start_cpu_s = time.monotonic(), time.process_time()
        dispatcher.run(
            for_s=wanted["for_s"],
            slice_id=new_id("slice"),
            is_stopping=lambda: recorded >= wanted_count,
        )
        cpu_s = time.process_time() - start_cpu_s
        answer(count=recorded, elapsed_s=last_at_s - start_s, cpu_s=cpu_s)
        if wanted["is_clean"]:
            dispatcher.close()
    # What hangs at a dead receiver is not waited for; its leases end by themselves.
    os._exit(0)


if __name__ == "__main__":
    main(read_settings())
