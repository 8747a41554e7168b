"""What the request log announces: its page and API. Who may read the audit trail may read it."""

from app.config import JobQueue
from app.jobs.table import Job
from app.request_log.api import request_log_api
from app.request_log.api_calls import init_request_log
from app.request_log.views import request_log
from app.web.features import Feature, NavigationEntry, Section, Tab

FEATURE = Feature(
    name="request_log",
    models=("app.request_log.models",),
    pages=(request_log,),
    apis=(request_log_api,),
    navigation=(
        NavigationEntry(
            section=Section.TEAM,
            label="Activity",
            icon="history",
            position=20,
            tabs=(Tab("Requests", "request_log.index", "audit:read"),),
        ),
    ),
    jobs=(
        Job(
            name="request_log.trim",
            path="app.request_log.jobs.trim",
            queue=JobQueue.SLOW,
            timeout_s=300,
            every_s=600,
        ),
    ),
    connect=init_request_log,
)
