"""`flask secrets`: values are re-sealed while the app runs, and unreadable ones are listed."""

import base64
from collections.abc import Callable
from functools import partial
from secrets import token_urlsafe
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, update

from app.accounts.models import User
from app.config import Settings
from app.extensions import SEALER, db, sealer
from app.integrations.credentials import seal_tokens
from app.integrations.models import Connection
from app.integrations.services.apps import set_app
from app.integrations.services.integrations import create_integration
from app.integrations.services.settings import IntegrationSettings
from app.lib.ids import new_id
from app.lib.sealed import Sealer
from app.secrets import services
from app.webhooks.models import Webhook
from app.webhooks.services.settings import stored_headers
from app.webhooks.services.webhooks import update_webhook
from tests import slots
from tests.api_client import Api
from tests.conftest import POSTGRESQL
from tests.people import People
from tests.races import at_once

KEY = {"Idempotency-Key": "4f1c2f0e-6f0b-4b7f-9a55-0d7a3f0f9f6e"}
HEADERS = {"headers": {"Authorization": "Bearer 7f3a"}}

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """Return a function that runs `flask secrets <words>`."""
    return lambda *words: app.test_cli_runner().invoke(args=["secrets", *words])


@pytest.fixture
def use_keys(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sealer]:
    """Return a function that starts the app again with these keys, as an operator does."""

    def use(current: str, *previous: str) -> Sealer:
        slots.put(monkeypatch, app, SEALER, Sealer(current, previous))
        return Sealer(current, previous)

    return use


@pytest.fixture
def webhook_ids(app: Flask, people: People, api: Api) -> list[str]:
    """Return webhooks with secrets; there is a value in every column of sealed values."""
    made = [api.new_webhook(**HEADERS)["id"] for _ in range(4)]
    deleted = api.new_webhook()["id"]
    assert api("DELETE", f"/webhooks/{deleted}").status_code == 204
    assert api("POST", "/event-types", {"name": "order.shipped"}, headers=KEY).status_code == 201
    with app.app_context():
        secret = sealer().seal(b"x", table="users", column="totp_secret_sealed", row_id=people.alice.id)
        db.session.execute(update(User).where(User.id == people.alice.id).values(totp_secret_sealed=secret))
        add_integration(people.acme.id)
        db.session.commit()
        db.session.remove()
    return made


def add_integration(team_id: str) -> None:
    """Add an integration with credentials, a connection, and the app that it was connected through."""
    settings = IntegrationSettings(name="Code host", auth_method="token", answers={"token": "github_pat_x"})
    integration_id, connection_id = create_integration(team_id, "github", settings), new_id("con")
    set_app(team_id, "github", "Iv1.acme", "hush")
    tokens = seal_tokens(connection_id, b'{"access_token": "a"}')
    db.session.add(
        Connection(
            id=connection_id, integration_id=integration_id, team_id=team_id, tokens_sealed=tokens, details={}
        )
    )


def set_secret(app: Flask, webhook_id: str, value: str) -> None:
    with app.app_context():
        db.session.execute(update(Webhook).where(Webhook.id == webhook_id).values(secret_sealed=value))
        db.session.commit()
        db.session.remove()


def row(app: Flask, webhook_id: str) -> dict[str, Any]:
    with app.app_context():
        found = db.session.execute(select(Webhook.__table__).where(Webhook.id == webhook_id)).mappings().one()
        db.session.remove()
        return dict(found)


def test_every_column_of_sealed_values_is_known(app: Flask, run: Run, webhook_ids: list[str]) -> None:
    named = {
        f"{table.name}.{column.name}"
        for table in db.metadata.tables.values()
        for column in table.columns
        if column.name.endswith("_sealed")
    }
    with app.app_context():
        known = {str(column): services.count_filled(column) for column in services.columns()}

    assert known.keys() == named
    assert all(known.values()), "a column without a value proves nothing"
    verified = run("verify")
    assert verified.exit_code == 0, verified.stderr
    assert "webhooks.secret_sealed: 4 of 4 can be opened" in verified.stdout


def test_after_rotating_the_old_key_can_be_dropped(
    app: Flask, settings: Settings, run: Run, use_keys: Callable[..., Sealer], webhook_ids: list[str]
) -> None:
    before, old, new = row(app, webhook_ids[0]), settings.encryption_key, token_urlsafe(48)
    keys = use_keys(new, old)
    assert f"{keys.previous_key_ids[0]}          4  ENCRYPTION_KEYS_PREVIOUS" in run("status").stdout

    rotated = run("rotate")

    assert rotated.exit_code == 0, rotated.output
    assert "webhooks.secret_sealed: 4 sealed anew" in rotated.stdout
    assert "nothing was sealed with it; it can go" in run("status").stdout
    use_keys(new)
    assert run("verify").exit_code == 0
    assert run("status").exit_code == 0
    after = row(app, webhook_ids[0])
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"secret_sealed", "headers_sealed"}
    assert run("rotate").stdout.count(": 0 sealed anew") == 7, "nothing is done twice"


def test_dry_run_changes_nothing(
    app: Flask, settings: Settings, run: Run, use_keys: Callable[..., Sealer], webhook_ids: list[str]
) -> None:
    before = row(app, webhook_ids[0])
    use_keys(token_urlsafe(48), settings.encryption_key)

    tried = run("rotate", "--dry-run")

    assert (tried.exit_code, tried.stdout.count("webhooks.secret_sealed: 4 to seal anew")) == (0, 1)
    assert row(app, webhook_ids[0]) == before


def test_interrupted_rotation_goes_on_where_it_was(
    app: Flask,
    settings: Settings,
    run: Run,
    use_keys: Callable[..., Sealer],
    webhook_ids: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_keys(token_urlsafe(48), settings.encryption_key)
    monkeypatch.setattr(services, "BATCH_ROWS", 2)
    batches = 0

    def interrupt(_count: int) -> None:
        nonlocal batches
        batches += 1
        if batches == 2:
            raise KeyboardInterrupt

    with app.app_context():
        column = next(one for one in services.columns() if str(one) == "webhooks.secret_sealed")
        with pytest.raises(KeyboardInterrupt):
            services.reseal(column, interrupt)
        assert services.count_filled(column, is_earlier=True) == 2

    again = run("rotate")

    assert again.exit_code == 0
    assert "webhooks.secret_sealed: 2 sealed anew" in again.stdout


def test_missing_key_is_named_with_what_to_do(
    app: Flask, settings: Settings, run: Run, use_keys: Callable[..., Sealer], webhook_ids: list[str]
) -> None:
    old_id = Sealer(settings.encryption_key).current_key_id
    use_keys(token_urlsafe(48))

    results = [run(command) for command in ("status", "rotate", "verify")]

    assert [result.exit_code for result in results] == [1, 1, 1]
    assert f"{old_id}          4  NOT CONFIGURED" in results[0].stdout
    for result in results[1:]:
        assert f"Add the key with the id {old_id} to ENCRYPTION_KEYS_PREVIOUS" in result.stderr
        assert webhook_ids[0] in result.stderr


def damage(app: Flask, kind: str, webhook_ids: list[str]) -> None:
    """Damage the secret of the first webhook."""
    first, second = row(app, webhook_ids[0]), row(app, webhook_ids[1])
    version, key_id, encoded = str(first["secret_sealed"]).split(".")
    box = bytearray(base64.urlsafe_b64decode(encoded))
    box[-1] ^= 1
    values = {
        "row": second["secret_sealed"],
        "column": first["headers_sealed"],
        "byte": f"{version}.{key_id}.{base64.urlsafe_b64encode(box).decode()}",
        "cut": f"{version}.{key_id}.AAAA",
        "plain": "whsec_readable",
    }
    set_secret(app, webhook_ids[0], str(values[kind]))


@pytest.mark.parametrize("kind", ["row", "column", "byte", "cut", "plain"])
def test_damage_is_refused_named_and_stops_nothing_else(
    app: Flask,
    settings: Settings,
    run: Run,
    use_keys: Callable[..., Sealer],
    webhook_ids: list[str],
    kind: str,
) -> None:
    damage(app, kind, webhook_ids)
    damaged = row(app, webhook_ids[0])["secret_sealed"]
    use_keys(token_urlsafe(48), settings.encryption_key)

    verified, rotated = run("verify"), run("rotate")

    assert (verified.exit_code, rotated.exit_code) == (1, 1)
    for result in (verified, rotated):
        assert "webhooks.secret_sealed: 1 cannot be opened." in result.stderr
        assert f"  {webhook_ids[0]}: " in result.stderr
        assert "Restore this value from a backup." in result.stderr
        assert "create the webhook again" in result.stderr
    assert "webhooks.secret_sealed: 3 sealed anew" in rotated.stdout
    assert row(app, webhook_ids[0])["secret_sealed"] == damaged


def test_live_changes_beside_a_rotation_are_kept(
    app: Flask,
    people: People,
    settings: Settings,
    run: Run,
    use_keys: Callable[..., Sealer],
    webhook_ids: list[str],
) -> None:
    use_keys(token_urlsafe(48), settings.encryption_key)

    def change(number: int, webhook_id: str) -> None:
        with app.app_context():
            update_webhook(people.acme.id, webhook_id, {"headers": [("X-Number", str(number))]})
            db.session.remove()

    calls: list[Callable[[], object]] = [partial(run, "rotate"), partial(run, "rotate")]
    calls += [partial(change, number, webhook_id) for number, webhook_id in enumerate(webhook_ids)]
    at_once(calls)

    assert run("rotate").exit_code == 0
    with app.app_context():
        stored = [stored_headers(db.session.get_one(Webhook, webhook_id)) for webhook_id in webhook_ids]
        db.session.remove()
    assert stored == [[("X-Number", str(number))] for number in range(len(webhook_ids))]


def test_locked_row_holds_up_nobody_and_is_left_for_later(
    app: Flask,
    database_kind: str,
    settings: Settings,
    run: Run,
    use_keys: Callable[..., Sealer],
    webhook_ids: list[str],
) -> None:
    if database_kind != POSTGRESQL:
        pytest.skip("SQLite has one writer, and locks no rows.")
    use_keys(token_urlsafe(48), settings.encryption_key)

    with app.app_context(), db.engine.begin() as connection:
        connection.execute(select(Webhook.id).where(Webhook.id == webhook_ids[0]).with_for_update())
        beside = run("rotate")

    assert beside.exit_code == 1
    assert "in use: 2." in beside.stderr
    assert run("rotate").exit_code == 0
