"""The operators' page and commands about background jobs."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer
from sqlalchemy import select

from app.accounts import tokens
from app.accounts.models import User
from app.accounts.services import users
from app.accounts.services.operators import set_operator
from app.accounts.services.users import NewPerson
from app.api_keys import services as key_services
from app.audit.models import AuditEntry
from app.config import JobQueue
from app.db.pages import PAGE_SIZE
from app.extensions import REDIS, db
from app.jobs.periodic import enqueue_periodic
from app.lib.errors import Invalid, NotFound
from app.operations.services import dismiss, retry
from app.outbox import services as outbox
from app.web.permissions import FULL, OPERATE, scopes
from tests import slots
from tests.page import Document, Page
from tests.people import People, Person

JOBS = "/t/acme/jobs/"
SECRET = "not-for-the-eyes-of-operators"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def slow(app: Flask, redis: Redis) -> Queue:
    return Queue(JobQueue.SLOW, connection=redis, serializer=JSONSerializer)


@pytest.fixture
def failed(slow: Queue, redis: Redis) -> Job:
    """Return a job that failed."""
    job = slow.enqueue_call("json.loads", args=(SECRET,))
    SimpleWorker([slow], connection=redis, serializer=JSONSerializer).work(
        burst=True, logging_level="CRITICAL"
    )
    assert job.get_status() == "failed"
    return job


def make_operator(person: Person) -> Person:
    with person.app.app_context():
        set_operator(person.email, is_operator=True)
        db.session.remove()
    return person


@pytest.fixture
def operator(people: People) -> Person:
    """Return Vic, as an operator: that is independent of the role in a team."""
    return make_operator(people.vic)


def test_only_operators_see_the_page(people: People, page: Page) -> None:
    refused = page.get(JOBS, people.alice, status=403)
    assert refused.has_text("operators of this installation")
    assert not page.get("/t/acme/audit/", people.alice).has_text("Jobs")

    make_operator(people.alice)
    assert page.get(JOBS, people.alice).has_text("Only its operators see this page")
    assert page.get("/t/acme/audit/", people.alice).has_text("Jobs")
    assert people.charlie.get(JOBS).status_code == 404


def test_no_api_key_can_have_the_permission_of_operators(app: Flask, people: People) -> None:
    assert OPERATE not in scopes()
    with app.app_context(), pytest.raises(Invalid) as refused:
        key_services.create_key(
            people.acme.id, "key", scopes=[OPERATE], granted_by=frozenset({FULL, OPERATE})
        )
    assert "There is no scope instance:operate" in refused.value.errors[0].message


def test_a_failed_job_shows_its_error_and_no_arguments(operator: Person, page: Page, failed: Job) -> None:
    shown = page.get(JOBS, operator)

    assert shown.has_text("json.loads")
    assert shown.has_text("JSONDecodeError: Expecting value")
    assert SECRET not in shown.text()


def test_an_error_of_several_lines_shows_the_one_that_names_it(
    operator: Person, page: Page, slow: Queue, redis: Redis
) -> None:
    # Without an app: Flask says so in four lines, and the last one names nothing.
    slow.enqueue_call("app.outbox.jobs.trim")
    SimpleWorker([slow], connection=redis, serializer=JSONSerializer).work(
        burst=True, logging_level="CRITICAL"
    )

    assert page.get(JOBS, operator).has_text("RuntimeError: Working outside of application context.")


def test_a_failed_job_runs_again(operator: Person, page: Page, failed: Job, slow: Queue) -> None:
    assert operator.post(f"{JOBS}{failed.id}/retry").status_code == 303

    assert slow.get_job_ids() == [failed.id]
    assert page.get(f"{JOBS}?state=failed", operator).has_text("No job matches")
    assert operator.post(f"{JOBS}{failed.id}/retry").status_code == 404, "it did not fail again yet"


def test_a_failed_job_is_dismissed_after_a_question(
    operator: Person, page: Page, failed: Job, redis: Redis
) -> None:
    assert page.get(f"{JOBS}{failed.id}/dismiss", operator).has_text("Dismiss the failed job json.loads?")
    assert redis.exists(failed.key)

    assert operator.post(f"{JOBS}{failed.id}/dismiss").status_code == 303
    assert not redis.exists(failed.key)
    assert page.get(JOBS, operator).has_text("Nothing waits, runs or failed")
    assert operator.get(f"{JOBS}{failed.id}/dismiss").status_code == 404


def test_of_a_retry_and_a_dismissal_at_once_one_happens(
    app: Flask, operator: Person, slow: Queue, redis: Redis
) -> None:
    def attempt(act: Callable[..., None], job_id: str, done: list[str]) -> None:
        with app.app_context(), contextlib.suppress(NotFound):
            start.wait()
            act(job_id, operator="command line")
            done.append(act.__name__)

    start = threading.Barrier(2)
    for _ in range(40):
        job = slow.enqueue_call("json.loads", args=(SECRET,))
        slow.empty()  # type: ignore[no-untyped-call]
        job.save()
        FailedJobRegistry(queue=slow).add(job, ttl=600, exc_string="Exception")
        done: list[str] = []
        acts = [threading.Thread(target=attempt, args=(act, job.id, done)) for act in (retry, dismiss)]
        for thread in acts:
            thread.start()
        for thread in acts:
            thread.join()

        assert len(done) == 1
        assert slow.get_job_ids() == ([job.id] if done == ["retry"] else [])
        assert bool(redis.exists(job.key)) == (done == ["retry"])
        slow.empty()  # type: ignore[no-untyped-call]


def test_nobody_else_repeats_or_dismisses(people: People, failed: Job) -> None:
    for person, status in ((people.alice, 403), (people.charlie, 404)):
        assert person.post(f"{JOBS}{failed.id}/retry").status_code == status
        assert person.post(f"{JOBS}{failed.id}/dismiss").status_code == status
    assert failed.get_status(refresh=True) == "failed"


def test_what_waits_is_told_and_that_no_worker_serves_it(operator: Person, page: Page, slow: Queue) -> None:
    slow.enqueue_call("app.audit.jobs.trim")

    shown = page.get(JOBS, operator)

    assert shown.has_text("audit.trim")
    assert shown.has_text("No worker serves it")


def names(shown: Document) -> list[str]:
    rows = [body for body in shown.all("tbody") if body.get("id", "").startswith(("newest", "older-"))]
    return [shown.text(row[0]) for body in rows for row in body if len(row) > 1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["outbox.send", "audit.trim", "json.loads"]),
        ("state=failed", ["json.loads"]),
        ("state=waiting&queue=mail", ["outbox.send"]),
        ("q=TRIM", ["audit.trim"]),
        ("q=jsondecodeerror", ["json.loads"]),
        ("state=running", []),
    ],
)
def test_jobs_are_found(
    operator: Person,
    page: Page,
    redis: Redis,
    failed: Job,
    slow: Queue,
    query: str,
    expected: list[str],
) -> None:
    slow.enqueue_call("app.audit.jobs.trim")
    Queue(JobQueue.MAIL, connection=redis, serializer=JSONSerializer).enqueue_call("app.outbox.jobs.send")

    shown = page.get(f"{JOBS}?{query}", operator)

    assert [name.split()[0] for name in names(shown)] == expected
    found = page.fragment(f"{JOBS}?{query}", "job-list", operator)
    assert [name.split()[0] for name in names(found)] == expected
    if not expected:
        assert shown.has_text("No job matches")


def test_filter_that_cannot_be_read_is_explained(operator: Person, page: Page) -> None:
    shown = page.get(f"{JOBS}?queue=fast", operator, status=422)

    assert shown.error_of("filter-queue").startswith("Queue: choose ")


def test_many_jobs_come_in_pages(operator: Person, page: Page, redis: Redis, slow: Queue) -> None:
    queues = [slow, Queue(JobQueue.MAIL, connection=redis, serializer=JSONSerializer)]
    for queue in queues:
        for _ in range(PAGE_SIZE // 2 + 1):
            queue.enqueue_call("app.audit.jobs.trim")

    first = page.get(JOBS, operator)
    second = page.get(first.one("a", rel="next").get("href", ""), operator)

    assert (len(names(first)), len(names(second))) == (PAGE_SIZE, 2)
    assert page.get(f"{JOBS}?cursor=gone", operator).has_text("Nothing older")


def test_list_follows_what_waits(operator: Person, page: Page, slow: Queue) -> None:
    slow.enqueue_call("app.audit.jobs.trim")
    rows = page.get(JOBS, operator).by_id("newest")
    assert rows.get("hx-trigger") == "every 3s"
    refresh_url = rows.get("hx-get", "")
    assert operator.get(refresh_url, fragment="newest").status_code == 204, "as it was"

    slow.empty()  # type: ignore[no-untyped-call]

    gone = operator.get(refresh_url, fragment="newest")
    assert "None of these fit the filter any more" in gone.get_data(as_text=True)


def test_failed_jobs_keep_still(operator: Person, page: Page, failed: Job) -> None:
    assert page.get(JOBS, operator).by_id("newest").get("hx-trigger") is None


def test_newer_jobs_are_told_of(operator: Person, page: Page, failed: Job, slow: Queue) -> None:
    news_url = page.get(JOBS, operator).by_id("list-news").get("hx-get", "")
    assert operator.get(news_url, fragment="list-news").status_code == 204

    slow.enqueue_call("app.audit.jobs.trim")

    assert "New rows arrived" in operator.get(news_url, fragment="list-news").get_data(as_text=True)


def test_queues_refresh_by_themselves(operator: Person, page: Page, slow: Queue) -> None:
    slow.enqueue_call("app.audit.jobs.trim")

    live = page.fragment(JOBS, "jobs-live", operator)

    assert live.has_text("slow No worker serves it 1 0 0")


def test_periodic_jobs_tell_when_they_run(app: Flask, operator: Person, page: Page) -> None:
    assert page.get(JOBS, operator).has_text("not lately")
    with app.app_context():
        enqueue_periodic()

    shown = page.get(JOBS, operator)

    assert shown.has_text("outbox.send")
    assert not shown.has_text("not lately")


def test_without_redis_the_page_says_so(
    app: Flask, operator: Person, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.get(JOBS)
    with Redis.from_url("redis://127.0.0.1:1/0") as nobody, monkeypatch.context() as without:
        slots.put(without, app, REDIS, nobody)

        assert page.get(JOBS, operator).has_text("Redis does not answer")
        assert page.fragment(JOBS, "jobs-live", operator).has_text("Redis does not answer")
        assert operator.get(JOBS, fragment="list-news").status_code == 503, "htmx leaves the list as it is"
        assert operator.post(f"{JOBS}x/retry").status_code == 503
        answer = app.test_cli_runner().invoke(args=["jobs", "list"])
    assert answer.exit_code == 1
    assert "Redis does not answer" in answer.output


def test_mails_that_the_server_refused_are_shown(
    app: Flask, operator: Person, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.config["SETTINGS"].model_copy(update={"smtp_url": "smtp://127.0.0.1:1"})
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    with app.app_context():
        users.request_password_reset(operator.email)
        outbox.send_due()

    shown = page.get(JOBS, operator)

    assert shown.has_text("accounts.password_reset")
    assert shown.has_text("Connection refused")


def test_the_commands_list_retry_and_dismiss(app: Flask, failed: Job, slow: Queue) -> None:
    run = app.test_cli_runner().invoke

    listed = run(args=["jobs", "list"]).output
    assert "slow\t0\t0\t0\t1" in listed
    assert f"{failed.id}\tjson.loads\t" in listed
    assert SECRET not in listed

    assert run(args=["jobs", "retry", failed.id]).exit_code == 0
    assert slow.get_job_ids() == [failed.id]
    assert run(args=["jobs", "dismiss", failed.id]).exit_code == 1, "it waits"


@pytest.mark.postgresql
def test_the_command_line_names_operators_and_the_audit_trail_says_so(app: Flask, people: People) -> None:
    run = app.test_cli_runner().invoke

    assert run(args=["accounts", "operator", people.mel.email]).exit_code == 0
    assert people.mel.get(JOBS).status_code == 200
    assert run(args=["accounts", "operator", people.mel.email, "--remove"]).exit_code == 0
    assert people.mel.get(JOBS).status_code == 403
    assert run(args=["accounts", "operator", "nobody@example.com"]).exit_code == 1
    with app.app_context():
        entries = db.session.scalars(
            select(AuditEntry).where(AuditEntry.action.like("user.operator%")).order_by(AuditEntry.id)
        ).all()
        assert [(entry.actor_kind, entry.action) for entry in entries] == [
            ("operator", "user.operator_added"),
            ("operator", "user.operator_removed"),
        ]
        db.session.remove()


@pytest.mark.parametrize("way", ["link", "command"])
def test_the_first_owner_is_an_operator_and_nobody_after(app: Flask, way: str) -> None:
    ada, bo = (NewPerson(name, f"{name}@example.com", "three quiet otters") for name in ("ada", "bo"))
    with app.app_context():
        if way == "link":
            users.sign_up_first_owner(ada, team_name="Ada's", token=tokens.first_owner_token())
        else:
            for person in (ada, bo):
                app.test_cli_runner().invoke(
                    args=[
                        "accounts",
                        "create-owner",
                        person.email,
                        "--name",
                        "x",
                        "--team",
                        "x",
                        "--password-stdin",
                    ],
                    input="three quiet otters\n",
                )
        if way == "link":
            users.sign_up(bo, team_name="Bo's")

        found = {user.email: user.is_operator for user in db.session.scalars(select(User))}
        db.session.remove()
    assert found == {ada.email: True, bo.email: False}
