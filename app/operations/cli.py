"""Commands for operators: background jobs."""

import click
from flask.cli import AppGroup

from app.lib.errors import SignalboxError
from app.operations import queries, services
from app.operations.queries import JobState

jobs_cli = AppGroup("jobs", help="Background jobs.")
_OPERATOR = "command line"


@jobs_cli.command("list")
def list_jobs() -> None:
    """Print how many jobs wait, run and failed in each queue, and the newest that failed."""
    try:
        queues, jobs = queries.queues(), queries.jobs()
    except SignalboxError as error:
        raise click.ClickException(error.detail) from None
    click.echo("queue\tworkers\twaiting\trunning\tfailed")
    for queue in queues:
        counts = (queue.worker_count, queue.waiting_count, queue.running_count, queue.failed_count)
        click.echo("\t".join([queue.name, *map(str, counts)]))
    for job in (job for job in jobs if job.state is JobState.FAILED):
        when = f"{job.failed_at:%Y-%m-%d %H:%M:%S}" if job.failed_at else ""
        click.echo(f"{job.id}\t{job.name}\t{when}\t{job.error or ''}")


@jobs_cli.command("retry")
@click.argument("job_id")
def retry_job(job_id: str) -> None:
    """Let a failed job run again."""
    try:
        services.retry(job_id, operator=_OPERATOR)
    except SignalboxError as error:
        raise click.ClickException(error.detail) from None
    click.echo(f"{job_id} waits to run again.")


@jobs_cli.command("dismiss")
@click.argument("job_id")
def dismiss_job(job_id: str) -> None:
    """Delete a failed job."""
    try:
        services.dismiss(job_id, operator=_OPERATOR)
    except SignalboxError as error:
        raise click.ClickException(error.detail) from None
    click.echo(f"{job_id} is dismissed.")
