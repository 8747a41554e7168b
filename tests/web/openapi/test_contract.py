"""The API does what its description says: schemathesis reads it and calls everything, with a key of every kind."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode, checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as openapi_checks
from sqlalchemy import update

from app.accounts.models import Team
from app.extensions import db
from tests.api_keys import keys
from tests.people import People

#: Together in one process, and so among the first: the longest tests must not be the last.
pytestmark = pytest.mark.xdist_group("contract")

CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.negative_data_rejection,
    openapi_checks.unsupported_method,
    openapi_checks.ignored_auth,
]
#: Examples per operation: enough to find what is usually found, in seconds.
QUICK, THOROUGH = 5, 150
SEED = 20261121
MakeKey = Callable[[Flask, str], str]

KEYS: dict[str, MakeKey] = {
    "one scope": lambda app, team_id: keys.new_key(app, team_id, "webhooks:read"),
    "test": lambda app, team_id: keys.new_key(app, team_id, is_test=True),
}
REFUSED: dict[MakeKey, int] = {keys.revoked_key: 401, keys.expired_key: 401, keys.key_of_another_network: 403}


@pytest.fixture
def team_id(app: Flask, people: People) -> str:
    """Return a team whose keys run into no limit."""
    with app.app_context():
        db.session.execute(update(Team).values(per_hour=keys.PER_WINDOW))
        db.session.commit()
        db.session.remove()
    return people.acme.id


def test_every_operation_keeps_its_contract(app: Flask, team_id: str, samples: dict[str, str]) -> None:
    token = keys.new_key(app, team_id)

    assert call_everything(app, {token: None}, samples, examples=QUICK) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_operation_keeps_its_contract_under_many_examples(
    app: Flask, team_id: str, samples: dict[str, str]
) -> None:
    token = keys.new_key(app, team_id)

    assert call_everything(app, {token: None}, samples, examples=THOROUGH) == []


@pytest.mark.parametrize("kind", KEYS)
def test_operations_keep_their_contract_with_other_keys(
    app: Flask, team_id: str, samples: dict[str, str], kind: str
) -> None:
    token = KEYS[kind](app, team_id)

    assert call_everything(app, {token: None}, samples, examples=2) == []


def test_operations_refuse_keys_that_ended_or_come_from_elsewhere(
    app: Flask, team_id: str, samples: dict[str, str]
) -> None:
    tokens: dict[str, int | None] = {make(app, team_id): status for make, status in REFUSED.items()}

    # One call shows that a key is refused; the answer does not depend on its body.
    assert call_everything(app, tokens, samples, examples=1) == []


def call_everything(
    app: Flask, tokens: Mapping[str, int | None], samples: dict[str, str], *, examples: int
) -> list[str]:
    """Return what did not fit the description, of calls made up from it with the ids of real objects.

    `tokens`: the keys that every call is made with, and the only status that operations with a key may answer.
    """
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    problems = []
    for operation in sorted(_operations(schema), key=lambda one: one.method == "delete"):
        problems += _call(operation, tokens, samples, examples=examples)
    return problems


def _operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        yield result.ok()


def _call(
    operation: Any, tokens: Mapping[str, int | None], samples: dict[str, str], *, examples: int
) -> list[str]:
    problems: dict[str, None] = {}
    name = f"{operation.method.upper()} {operation.path}"
    needs_key = bool(operation.definition.raw.get("security"))
    calls = 0

    def check(case: Case) -> None:
        nonlocal calls
        calls += 1
        if mode is GenerationMode.POSITIVE:
            _make_meaningful(case, samples, calls)
        for token, expected in tokens.items():
            call_with(case, token, expected)

    def call_with(case: Case, token: str, expected: int | None) -> None:
        try:
            response = case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)
        except Exception as error:
            problems[f"{name}: {error}"] = None
            return
        if expected is not None and needs_key and response.status_code != expected:
            problems[f"{name}: {response.status_code} instead of {expected}"] = None

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        decorate: Any = given(operation.as_strategy(generation_mode=mode))
        _unlimited(examples)(decorate(check))()
    return list(problems)


def _unlimited(examples: int) -> Callable[[Any], Callable[[], None]]:
    """Return settings that make a test try so many examples, always the same ones, however long they take."""
    limits = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def limited(run: Any) -> Callable[[], None]:
        seeded: Callable[[], None] = seed(SEED)(limits(run))
        return seeded

    return limited


def _make_meaningful(case: Case, samples: dict[str, str], number: int) -> None:
    """Aim most calls at objects that exist, and every third at what the description gives as its example."""
    if number % 3 and case.path_parameters:
        known = {name: samples.get(name, value) for name, value in case.path_parameters.items()}
        case.path_parameters.update(known)
    if number % 3 == 1 and isinstance(case.body, dict):
        content = case.operation.definition.raw["requestBody"]["content"]
        case.body = {**content["application/json"]["example"]}
