"""What notifications announce: their tables and pages, and the job that posts them."""

from app.config import JobQueue
from app.events import fanout
from app.integrations import dependents
from app.jobs.table import Job
from app.notifications.api import notifications_api
from app.notifications.queries import words_of_dependents
from app.notifications.services.posting import add_pending
from app.notifications.views import notifications
from app.web.features import Feature, NavigationEntry, Section, Subscription, Tab

FEATURE = Feature(
    name="notifications",
    models=("app.notifications.models",),
    pages=(notifications,),
    apis=(notifications_api,),
    navigation=(
        NavigationEntry(
            section=Section.INTEGRATIONS,
            label="Integrations",
            icon="plug",
            position=13,
            tabs=(Tab("Notifications", "notifications.index", "integrations:read"),),
        ),
    ),
    jobs=(
        Job(
            name="notifications.post",
            path="app.notifications.jobs.post",
            queue=JobQueue.SLOW,
            timeout_s=90,
            every_s=5,
        ),
    ),
    subscriptions=(
        Subscription(fanout.subscribe, add_pending),
        Subscription(dependents.subscribe, words_of_dependents),
    ),
)
