"""What the outbox announces: its table, and the jobs that send and trim mails."""

from app.config import JobQueue
from app.jobs.table import Job
from app.web.features import Feature

FEATURE = Feature(
    name="outbox",
    models=("app.outbox.models",),
    jobs=(
        # Enqueued when a mail was added; periodic for retries, and for mails that were added while Redis was down.
        Job(
            name="outbox.send",
            path="app.outbox.jobs.send",
            queue=JobQueue.MAIL,
            timeout_s=240,
            every_s=15,
        ),
        Job(name="outbox.trim", path="app.outbox.jobs.trim", queue=JobQueue.SLOW, every_s=3600),
    ),
)
