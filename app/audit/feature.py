"""What the audit trail announces: its page and API, and who may read it and the request log."""

from flask import Flask

from app.audit.api import audit_api
from app.audit.views import audit
from app.audit.violations import report_violation
from app.config import JobQueue
from app.jobs.table import Job
from app.web.features import Feature, NavigationEntry, Section, Tab
from app.web.limits import provide_violation_hook
from app.web.permissions import Permission, PermissionGroup, Role


def _connect(app: Flask) -> None:
    provide_violation_hook(app, report_violation)


FEATURE = Feature(
    name="audit",
    models=("app.audit.models",),
    pages=(audit,),
    apis=(audit_api,),
    navigation=(
        NavigationEntry(
            section=Section.TEAM,
            label="Activity",
            icon="history",
            position=20,
            tabs=(Tab("Audit trail", "audit.index", "audit:read"),),
        ),
    ),
    jobs=(
        Job(name="audit.record_violation", path="app.audit.jobs.record_violation"),
        Job(
            name="audit.trim",
            path="app.audit.jobs.trim",
            queue=JobQueue.SLOW,
            timeout_s=300,
            every_s=600,
        ),
    ),
    permissions=(
        Permission(
            "audit:read", "Read the audit trail and the request log", PermissionGroup.TEAM, Role.ADMIN
        ),
    ),
    connect=_connect,
)
