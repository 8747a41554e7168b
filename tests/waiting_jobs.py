"""Runs what was enqueued for a worker, in the test's own process."""

from importlib import import_module

from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.config import JobQueue
from app.extensions import db, redis_client
from app.outbox.models import OutgoingMail


def run_waiting_jobs(app: Flask) -> list[str]:
    """Run the jobs that wait for a worker, by queue and then oldest first, and return the names of their functions."""
    with app.app_context():
        names = []
        for queue_name in (JobQueue.MAIL, JobQueue.DEFAULT, JobQueue.SLOW):
            queue = Queue(queue_name, connection=redis_client(), serializer=JSONSerializer)
            for job in queue.jobs:
                module, _, name = str(job.func_name).rpartition(".")
                getattr(import_module(module), name)(*job.args)
                names.append(name)
            queue.empty()  # type: ignore[no-untyped-call]
        db.session.remove()
    return names


def waiting_mails(app: Flask) -> list[str]:
    """Return the kinds of the mails that are to be sent, oldest first."""
    with app.app_context(), Session(db.engine) as session:
        due = select(OutgoingMail.kind).where(OutgoingMail.due_at.is_not(None))
        return list(session.scalars(due.order_by(OutgoingMail.id)))
