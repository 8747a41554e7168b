"""What idempotent requests announce: the table of records, and the job that trims it."""

from app.config import JobQueue
from app.idempotency.api import init_idempotency
from app.jobs.table import Job
from app.web.features import Feature

FEATURE = Feature(
    name="idempotency",
    models=("app.idempotency.models",),
    jobs=(
        Job(
            name="idempotency.trim",
            path="app.idempotency.jobs.trim",
            queue=JobQueue.SLOW,
            timeout_s=300,
            every_s=3600,
        ),
    ),
    connect=init_idempotency,
)
