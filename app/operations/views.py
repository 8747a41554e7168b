"""The page of background jobs. Jobs belong to the installation: it is for its operators, in whichever team they are."""

from typing import Any

from flask import flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.lib.errors import NotFound, Unavailable
from app.operations import queries, services
from app.operations.queries import JOBS, JobState
from app.outbox.queries import unsent_mails
from app.web.access import principal, require
from app.web.forms import runs_once
from app.web.lists import PENDING_REFRESH_S, ListPage
from app.web.permissions import OPERATE
from app.web.rendering import is_htmx, redirect_after, render, swaps
from app.web.schemes import Pages

jobs = Pages("jobs", __name__, url_prefix="/t/<team>/jobs")

_REFRESH_S = 5
_COLUMNS = (
    ("Job", ""), ("State", ""), ("Queue", ""), ("Since", ""), ("Took", "text-end"), ("Actions", "visually-hidden"),
)  # fmt: skip
_LIST = ListPage(
    spec=JOBS,
    name="job",
    singular="job",
    plural="jobs",
    endpoint="jobs.index",
    templates="jobs",
    columns=_COLUMNS,
    state_of=lambda row: (row.state, row.started_at),
    changes_in_s=lambda rows: (
        PENDING_REFRESH_S if any(row.state is not JobState.FAILED for row in rows) else None
    ),
)


@jobs.get("/")
@require(OPERATE)
def index() -> BaseResponse:
    """Show the jobs of all queues, filtered, and what the queues are doing; without Redis what is known then."""
    if swaps("jobs-live"):
        return render("jobs/_live.html", **_queues())
    try:
        return _LIST.show(_queues)
    except Unavailable:
        if is_htmx():
            raise
        return render("jobs/unavailable.html", **_queues())


def _queues() -> dict[str, Any]:
    found: dict[str, Any] = {"mails": unsent_mails(), "refresh_s": _REFRESH_S, "shown_max": queries.SHOWN_MAX}
    try:
        return {**found, "refusal": None, "queues": queries.queues(), "periodic": queries.periodic_jobs()}
    except Unavailable as error:
        return {**found, "refusal": error.detail, "queues": [], "periodic": []}


@jobs.post("/<job_id>/retry")
@require(OPERATE)
@runs_once
def retry(job_id: str) -> BaseResponse:
    services.retry(job_id, operator=principal().id)
    flash("The job waits to run again.", "success")
    return redirect_after(url_for("jobs.index"))


@jobs.get("/<job_id>/dismiss")
@require(OPERATE)
def confirm_dismiss(job_id: str) -> BaseResponse:
    job = queries.find_failed(job_id)
    if job is None:
        raise NotFound("There is no such failed job (any more).")
    return render("jobs/dismiss.html", fragment="jobs/_dismiss.html", target="dismiss-job", job=job)


@jobs.post("/<job_id>/dismiss")
@require(OPERATE)
@runs_once
def dismiss(job_id: str) -> BaseResponse:
    services.dismiss(job_id, operator=principal().id)
    flash("The job is dismissed.", "success")
    return redirect_after(url_for("jobs.index"))
