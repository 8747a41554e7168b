"""Rotating refresh tokens with reuse detection: of many at once one refreshes, and the grant lives."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.config import PROJECT_DIR
from app.integrations.services.refreshing_due import refresh_due
from app.lib import clock
from tests.integrations.oidc.conftest import Connected
from tests.integrations.oidc.provider import OidcProvider
from tests.webhooks.dispatch.programs import environment
from tests.webhooks.dispatch.scene import wait_until

PROCESSES, THREADS = 4, 8


@contextlib.contextmanager
def refresher(grant: Connected, threads: int) -> "Iterator[subprocess.Popen[str]]":
    """Run a process that will ask for the access token when it is given a line."""
    env = {"PATH": os.environ["PATH"], **environment(grant.app.config["SETTINGS"])}
    argv = (sys.executable, "-m", "tests.integrations.oidc.refresher", grant.connection().id, str(threads))
    with subprocess.Popen(
        argv,
        cwd=PROJECT_DIR,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until_ready(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.postgresql
def test_of_four_processes_with_eight_threads_one_refreshes_and_the_grant_lives(
    grant: Connected, oidc: OidcProvider
) -> None:
    grant.end_access_token()
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(refresher(grant, THREADS)) for _ in range(PROCESSES)]
        for process in processes:
            wait_until_ready(process)
        for process in processes:
            go(process)
        printed = [line for process in processes for line in process.communicate(timeout=60)[0].split("\n")]
    tokens = [line for line in printed if line]
    assert len(tokens) == PROCESSES * THREADS
    assert set(tokens) == {grant.tokens().access_token}
    stats = oidc.stats()
    assert (stats["refreshed"], stats["refused"], stats["revoked_grants"]) == (1, 0, 0)
    assert grant.is_alive()


@pytest.mark.chaos
def test_who_is_killed_before_the_provider_is_asked_takes_nothing_along(
    grant: Connected, oidc: OidcProvider
) -> None:
    grant.end_access_token()
    oidc.hold(before_ms=3_000)
    asked = oidc.stats()["received"]
    with refresher(grant, 2) as process:
        wait_until_ready(process)
        go(process)
        wait_until(lambda: oidc.stats()["received"] > asked)
        process.kill()
    oidc.hold()
    assert grant.connection().lease, "it died with its lease"
    end_lease(grant)
    with grant.app.app_context():
        assert refresh_due() == 1
    assert grant.is_alive()
    assert oidc.stats()["revoked_grants"] == 0


@pytest.mark.chaos
def test_who_is_killed_between_answer_and_storage_leaves_words_that_say_so(
    grant: Connected, oidc: OidcProvider
) -> None:
    """The one line at which a token that works once is lost: nobody but the dead process had the next one."""
    grant.end_access_token()
    oidc.hold(after_ms=3_000)
    before = oidc.stats()["refreshed"]
    with refresher(grant, 2) as process:
        wait_until_ready(process)
        go(process)
        wait_until(lambda: oidc.stats()["refreshed"] > before)
        process.kill()
    oidc.hold()
    end_lease(grant)
    with grant.app.app_context():
        refresh_due()
    row = grant.connection()
    assert (row.state, row.reason_code) == ("needs_reconnect", "invalid_grant")
    assert "interrupted" in (row.reason or "")
    assert grant.events() == ["signalbox.integration.needs_reconnect"]


def test_a_used_refresh_token_ends_the_grant_there_which_is_seen_here(
    grant: Connected, oidc: OidcProvider
) -> None:
    stolen = grant.connection().tokens_sealed
    assert grant.is_alive()
    grant.change(tokens_sealed=stolen)
    grant.end_access_token()
    grant.change(due_at=clock.now() - timedelta(minutes=1))
    with grant.app.app_context():
        refresh_due()
    assert grant.connection().state == "needs_reconnect"
    assert oidc.stats()["revoked_grants"] >= 1


def test_disconnecting_ends_the_grant_there(grant: Connected, oidc: OidcProvider) -> None:
    answer = grant.people.bob.visitor.post(f"{grant.path}/disconnect")
    assert answer.status_code == 303
    assert grant.row() is None
    assert grant.trail() == ["connected", "disconnected"]
    assert oidc.stats()["revoked_grants"] >= 1


def test_reconnecting_after_it_ended_keeps_the_id(grant: Connected, oidc: OidcProvider) -> None:
    from tests.integrations.oidc.provider import path_of

    before = grant.connection().id
    grant.change(state="needs_reconnect", reason="It was revoked.", due_at=None)
    answer = grant.people.bob.visitor.get(path_of(oidc.consent(grant.begin())))
    assert answer.status_code == 303
    assert grant.connection().id == before
    assert grant.is_alive()


def end_lease(grant: Connected) -> None:
    """Let the lease of a dead process be over."""
    grant.change(due_at=clock.now() - timedelta(seconds=1))
