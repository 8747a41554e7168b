"""The page of background jobs. Jobs belong to the installation: it is for its operators, in whichever team they are."""

from flask import flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.lib.errors import NotFound, Unavailable
from app.operations import queries, services
from app.outbox.queries import unsent_mails
from app.web.access import principal, require
from app.web.forms import runs_once
from app.web.permissions import OPERATE
from app.web.rendering import redirect_after, render
from app.web.schemes import Pages

jobs = Pages("jobs", __name__, url_prefix="/t/<team>/jobs")

_REFRESH_S = 5


@jobs.get("/")
@require(OPERATE)
def index() -> BaseResponse:
    mails = unsent_mails()
    queues, periodic, refusal = [], [], None
    try:
        queues, periodic = queries.queues(), queries.periodic_jobs()
    except Unavailable as error:
        refusal = error.detail
    return render(
        "jobs/index.html",
        fragment="jobs/_live.html",
        target="jobs-live",
        queues=queues,
        periodic=periodic,
        mails=mails,
        refusal=refusal,
        refresh_s=_REFRESH_S,
    )


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
