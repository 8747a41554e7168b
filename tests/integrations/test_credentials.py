"""Secrets of integrations: bound to their place, refused with words that say what to do, sealed anew while in use."""

from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TypeVar

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.config import Settings
from app.extensions import SEALER, db, sealer
from app.integrations.credentials import (
    CredentialsUnreadable,
    open_client_secret,
    open_credentials,
    open_tokens,
    seal_tokens,
)
from app.integrations.models import Connection, Integration, ProviderApp
from app.integrations.services.access import open_access
from app.integrations.services.apps import set_app
from app.integrations.services.integrations import create_integration, update_integration
from app.integrations.services.settings import IntegrationSettings
from app.lib.errors import Conflict
from app.lib.ids import new_id
from app.lib.sealed import Sealer
from tests import slots
from tests.people import People

TOKEN, SECRET, TOKENS = "github_pat_of-the-test", "hush-hush", b'{"access_token": "a"}'


@dataclass(frozen=True)
class Sealed:
    """One place where a secret is stored, and how it is read."""

    model: type[Integration | Connection | ProviderApp]
    column: str
    read: Callable[[], object]
    content: object


Row = TypeVar("Row", Integration, Connection, ProviderApp)


def one(model: type[Row]) -> Row:
    """Return the first row, as the database has it."""
    db.session.expire_all()
    return db.session.scalars(select(model).order_by(model.id).limit(1)).one()


PLACES = {
    "credentials": Sealed(
        Integration, "credentials_sealed", lambda: open_credentials(one(Integration)), {"token": TOKEN}
    ),
    "tokens": Sealed(Connection, "tokens_sealed", lambda: open_tokens(one(Connection)), TOKENS),
    "client_secret": Sealed(
        ProviderApp, "client_secret_sealed", lambda: open_client_secret(one(ProviderApp)), SECRET
    ),
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, app: Flask, people: People) -> Sealed:
    """Return each place in turn; two rows have a value there."""
    with app.app_context():
        for team in (people.acme, people.other):
            settings = IntegrationSettings(name="Code host", auth_method="token", answers={"token": TOKEN})
            integration_id, connection_id = create_integration(team.id, "github", settings), new_id("con")
            set_app(team.id, "github", "Iv1.app", SECRET)
            tokens = seal_tokens(connection_id, TOKENS)
            db.session.add(
                Connection(
                    id=connection_id, integration_id=integration_id, team_id=team.id, tokens_sealed=tokens, details={}
                )
            )  # fmt: skip
            db.session.commit()
    return PLACES[request.param]


def values_of(place: Sealed) -> list[str]:
    return list(db.session.scalars(select(getattr(place.model, place.column)).order_by(place.model.id)))


def replace(place: Sealed, value: str) -> None:
    first = db.session.scalars(select(place.model.id).order_by(place.model.id).limit(1)).one()
    db.session.execute(update(place.model).where(place.model.id == first).values({place.column: value}))
    db.session.commit()


def assert_refused(place: Sealed, words: str) -> None:
    with pytest.raises(CredentialsUnreadable, match=words) as raised:
        place.read()
    assert "Write them again, or have the operator restore the key" in str(raised.value)


def test_a_secret_opens_in_its_place(app: Flask, place: Sealed) -> None:
    with app.app_context():
        assert place.read() == place.content
        assert TOKEN not in "".join(values_of(place))


def test_a_secret_of_another_row_is_refused(app: Flask, place: Sealed) -> None:
    with app.app_context():
        replace(place, values_of(place)[1])
        assert_refused(place, "cannot be read")


@pytest.mark.parametrize("source", PLACES)
def test_a_secret_of_another_table_is_refused(app: Flask, place: Sealed, source: str) -> None:
    with app.app_context():
        other = PLACES[source]
        if other is place:
            first = db.session.scalars(select(place.model.id).order_by(place.model.id).limit(1)).one()
            value = sealer().seal(b"{}", table=place.model.__tablename__, column="another", row_id=first)
        else:
            value = values_of(other)[0]
        replace(place, value)
        assert_refused(place, "cannot be read")


def test_a_flipped_byte_is_refused(app: Flask, place: Sealed) -> None:
    with app.app_context():
        value = values_of(place)[0]
        middle = len(value) // 2 + 10
        replace(place, value[:middle] + ("A" if value[middle] != "A" else "B") + value[middle + 1 :])
        assert_refused(place, "cannot be read")


def test_a_missing_key_is_refused(app: Flask, place: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    slots.put(monkeypatch, app, SEALER, Sealer(token_urlsafe(48)))
    with app.app_context():
        assert_refused(place, "key")


def test_a_new_key_seals_anew_while_the_old_one_still_opens(
    app: Flask, settings: Settings, place: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = token_urlsafe(48)
    slots.put(monkeypatch, app, SEALER, Sealer(new, (settings.encryption_key,)))
    with app.app_context():
        assert place.read() == place.content
    rotated = app.test_cli_runner().invoke(args=["secrets", "rotate"])
    assert rotated.exit_code == 0, rotated.output
    assert f"{place.model.__tablename__}.{place.column}: 2 sealed anew" in rotated.stdout
    slots.put(monkeypatch, app, SEALER, Sealer(new))
    with app.app_context():
        assert place.read() == place.content


def test_an_unreadable_secret_stops_calls_and_can_be_written_again(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        settings = IntegrationSettings(name="Code host", auth_method="token", answers={"token": TOKEN})
        integration_id = create_integration(people.acme.id, "github", settings)
    slots.put(monkeypatch, app, SEALER, Sealer(token_urlsafe(48)))
    with app.app_context():
        with pytest.raises(Conflict, match="Write them again"):
            open_access(people.acme.id, integration_id)
        update_integration(people.acme.id, integration_id, {"answers": {"token": "another"}})
        assert open_access(people.acme.id, integration_id).values["token"] == "another"


def test_values_are_in_no_representation(app: Flask, people: People) -> None:
    with app.app_context():
        settings = IntegrationSettings(name="Code host", auth_method="token", answers={"token": TOKEN})
        integration_id = create_integration(people.acme.id, "github", settings)
        assert TOKEN not in repr(settings)
        assert TOKEN not in repr(open_access(people.acme.id, integration_id))
