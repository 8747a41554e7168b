"""Commands for operators: keys, leaks and limits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import event, select, update

from app.accounts.models import Team, User
from app.api_keys.models import ApiKey
from app.api_keys.tokens import kid_of, new_token
from app.audit.models import AuditEntry
from app.extensions import db
from app.lib import clock
from tests.api_client import Api
from tests.people import People

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, people: People) -> Run:
    """Return a function that runs `flask <words>`."""
    return lambda *words, **options: app.test_cli_runner().invoke(args=list(words), **options)


def created(run: Run, *options: str) -> tuple[str, str]:
    """Create a key; return it with its id."""
    result = run("keys", "create", "--team", "acme", "--name", "ci", "--scope", "events:read", *options)
    assert result.exit_code == 0, result.stderr
    token = result.stdout.strip()
    key_id = run("keys", "list", "--team", "acme").stdout.split("\t")[0]
    return token, key_id


def call(app: Flask, token: str, path: str = "/events") -> Any:
    return app.test_client().get(f"/api/v1{path}", headers={"X-API-Key": token})


def test_create_prints_the_key_and_nothing_else(app: Flask, run: Run) -> None:
    token, key_id = created(
        run,
        "--test",
        "--expires-in-days",
        "30",
        "--network",
        "127.0.0.0/8",
        "--per-hour",
        "5",
        "--per-day",
        "9",
    )

    assert kid_of(token)
    assert token.startswith("sb_test_")
    assert call(app, token).headers["X-RateLimit-Limit"] in ("5", "9")
    shown = run("keys", "show", "--team", "acme", key_id).stdout
    assert "127.0.0.0/8" in shown
    assert token.split("_")[3] not in shown
    with app.app_context():
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "api_key.created")).one()
        assert entry.actor_kind == "operator"


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (
            ("keys", "create", "--team", "nobody", "--name", "x", "--scope", "events:read"),
            1,
            "no team 'nobody'",
        ),
        (("keys", "create", "--team", "acme", "--name", "", "--scope", "events:read"), 1, "name"),
        (("keys", "create", "--team", "acme", "--name", "x", "--scope", "none"), 2, "'none'"),
        (
            ("keys", "create", "--team", "acme", "--name", "x", "--scope", "events:read", "--per-hour", "0"),
            1,
            "number",
        ),
        (("keys", "list", "--team", "nobody"), 1, "no team 'nobody'"),
        (("keys", "show", "--team", "acme", "key_x"), 1, "no such API key"),
        (("keys", "revoke", "--team", "acme", "key_x", "--yes"), 1, "no such API key"),
        (("keys", "regenerate", "--team", "acme", "key_x"), 1, "no such API key"),
        (("limits", "team", "acme"), 2, "--tier"),
        (("limits", "team", "nobody", "--tier", "pro"), 1, "no team nobody"),
        (("limits", "team", "acme", "--per-hour", "0"), 2, "'default'"),
        (("limits", "team", "acme", "--tier", "gold"), 2, "'gold'"),
        (("limits", "user", "nobody@example.com", "--per-minute", "5"), 1, "no account"),
        (("limits", "user", "mel@example.com", "--per-minute", "many"), 2, "'default'"),
    ],
)
def test_what_is_wrong_is_said_on_standard_error(
    run: Run, words: tuple[str, ...], exit_code: int, message: str
) -> None:
    result = run(*words)

    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_key_of_another_team_is_not_found(run: Run) -> None:
    _, key_id = created(run)

    assert run("keys", "revoke", "--team", "other", key_id, "--yes").exit_code == 1


def test_revoke_asks_first_and_ends_the_key(app: Flask, run: Run) -> None:
    token, key_id = created(run)

    refused = run("keys", "revoke", "--team", "acme", key_id, input="n\n")
    assert refused.exit_code == 1
    assert "'ci'" in refused.output
    assert call(app, token).status_code == 200
    assert run("keys", "revoke", "--team", "acme", key_id, input="y\n").exit_code == 0
    assert call(app, token).status_code == 401
    assert "\trevoked\t" in run("keys", "list", "--team", "acme", "--state", "revoked").stdout
    assert run("keys", "list", "--team", "acme", "--state", "active").stdout == ""


def test_regenerate_prints_the_new_key_and_keeps_the_old_one_for_its_grace(app: Flask, run: Run) -> None:
    token, key_id = created(run)

    second = run("keys", "regenerate", "--team", "acme", key_id).stdout.strip()
    assert [call(app, one).status_code for one in (token, second)] == [200, 200]
    third = run("keys", "regenerate", "--team", "acme", key_id, "--grace-s", "0").stdout.strip()
    assert [call(app, one).status_code for one in (token, second, third)] == [401, 401, 200]


def test_list_goes_on_after_the_first_page(app: Flask, run: Run, people: People) -> None:
    with app.app_context():
        rows = [
            ApiKey(team_id=people.acme.id, name=f"k{n}", kid=f"{n:012}", key_hash="x", scopes=["events:read"])
            for n in range(201)
        ]
        db.session.add_all(rows)
        db.session.commit()

    assert len(run("keys", "list", "--team", "acme").stdout.splitlines()) == 201


def test_scan_says_whose_keys_they_are_and_never_the_keys(app: Flask, run: Run, tmp_path: Path) -> None:
    active, _ = created(run)
    expired, expired_id = created(run, "--expires-in-days", "3")
    replaced, replaced_id = created(run)
    revoked, revoked_id = created(run, "--test")
    current = run("keys", "regenerate", "--team", "acme", replaced_id, "--grace-s", "0").stdout.strip()
    run("keys", "revoke", "--team", "acme", revoked_id, "--yes")
    with app.app_context():
        db.session.execute(update(ApiKey).where(ApiKey.id == expired_id).values(expires_at=clock.now()))
        db.session.commit()
    tokens = [active, expired, replaced, revoked, current, new_token().token]
    path = tmp_path / ".env"
    path.write_text("\n".join(f"KEY={token}" for token in tokens))

    result = run("keys", "scan", str(tmp_path))

    assert result.exit_code == 1
    said = [line.partition("… ")[2] for line in result.stdout.splitlines()]
    assert said == [
        '(active key "ci" of team Acme)',
        '(expired key "ci" of team Acme)',
        '(ended replaced key "ci" of team Acme)',
        '(revoked key "ci" of team Acme)',
        '(active key "ci" of team Acme)',
        "(not of this installation)",
    ]
    assert result.stdout.startswith(f"{path}:1: sb_live_{kid_of(active)}_… ")
    for token in tokens:
        assert token.split("_")[3] not in result.output


def test_scan_reports_by_its_exit_status(run: Run, tmp_path: Path) -> None:
    clean, leaking = tmp_path / "clean.txt", tmp_path / "leaking.txt"
    clean.write_text("nothing")
    leaking.write_text(new_token().token)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x").write_text(new_token().token)
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "x").write_text(new_token().token)

    assert run("keys", "scan", str(clean)).exit_code == 0
    assert run("keys", "scan", str(clean), str(leaking)).exit_code == 1
    assert run("keys", "scan", str(tmp_path / "gone")).exit_code == 2
    assert run("keys", "scan").exit_code == 2
    assert len(run("keys", "scan", str(tmp_path)).stdout.splitlines()) == 2
    assert len(run("keys", "scan", str(tmp_path), "--skip", "vendor").stdout.splitlines()) == 1
    assert len(run("keys", "scan", str(tmp_path), "--all").stdout.splitlines()) == 3


def test_scan_reads_standard_input(run: Run) -> None:
    token = new_token().token

    result = run("keys", "scan", "-", input=f"\n+key = {token}\n")

    assert result.exit_code == 1
    assert result.stdout.startswith(f"<stdin>:2: sb_live_{kid_of(token)}_…")
    assert run("keys", "scan", "-", input="nothing").exit_code == 0


def test_scan_goes_on_after_what_it_cannot_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mem").symlink_to("/proc/self/mem")
    (tmp_path / "z").write_text(new_token().token)

    result = run("keys", "scan", str(tmp_path / "mem"), str(tmp_path / "z"))

    assert result.exit_code == 1
    assert "mem: " in result.stderr
    assert "could not be read: 1" in result.stderr


def test_scan_offline_does_not_ask_the_database(app: Flask, run: Run, tmp_path: Path) -> None:
    token, _ = created(run)
    path = tmp_path / "x"
    path.write_text(token)

    with app.app_context():
        engine = db.engine
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        result = run("keys", "scan", str(path), "--offline")
    finally:
        event.remove(engine, "before_cursor_execute", note)

    assert result.stdout == f"{path}:1: sb_live_{kid_of(token)}_…\n"
    assert statements == []


def test_own_limit_of_a_team_counts_at_once_and_keeps_what_is_used(
    app: Flask, run: Run, people: People
) -> None:
    api = Api(app, people.acme.id, people.alice.id, ["events:read"])
    assert [api("GET", "/events").status_code for _ in range(5)] == [200] * 5

    assert run("limits", "team", "acme", "--per-hour", "6").exit_code == 0
    assert [api("GET", "/events").status_code for _ in range(2)] == [200, 429]
    assert run("limits", "team", "acme", "--per-hour", "8").exit_code == 0
    assert [api("GET", "/events").status_code for _ in range(3)] == [200, 200, 429]
    assert "8 of 8 used\town" in run("limits", "show").stdout
    assert run("limits", "team", "acme", "--tier", "pro").exit_code == 0
    assert api("GET", "/events").status_code == 429
    assert (
        run("limits", "team", "acme", "--per-hour", "default").stdout
        == "acme (pro): 200000 API requests per hour.\n"
    )
    assert api("GET", "/events").status_code == 200
    assert "9 of 200000 used\tpro" in run("limits", "show").stdout
    with app.app_context():
        team = db.session.scalars(select(Team).where(Team.slug == "acme")).one()
        assert (team.tier, team.per_hour) == ("pro", None)


def test_own_limit_of_a_user_counts_at_once(app: Flask, run: Run, people: People) -> None:
    assert people.mel.get("/t/acme/").status_code == 200

    assert run("limits", "user", "mel@example.com", "--per-minute", "1").exit_code == 0
    assert people.mel.get("/t/acme/").status_code == 429
    assert "mel@example.com\t1" in run("limits", "show").stdout
    assert run("limits", "user", "mel@example.com", "--per-minute", "default").exit_code == 0
    assert people.mel.get("/t/acme/").status_code == 200
    with app.app_context():
        assert (
            db.session.scalars(select(User.per_minute).where(User.email == "mel@example.com")).one() is None
        )
