"""The simulator predicts the answer of a call: every case is simulated first, then really called."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.accounts.services.limits import limit_team
from app.api_keys import queries, services
from app.api_keys.models import ApiKey
from app.api_keys.services import maintenance
from app.api_keys.simulation import build_call, simulate
from app.extensions import db
from app.lib import clock
from app.web.permissions import FULL
from tests.people import People

INSIDE, OUTSIDE, INSIDE_6 = "203.0.113.7", "198.51.100.7", "2001:db8::7"


@dataclass(frozen=True)
class Case:
    """A call, the state of its key, and the expected rule: `rule` None is allowed."""

    call: str
    status: int
    rule: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    state: str = "active"
    address: str = INSIDE
    uses: int = 0
    team_per_hour: int | None = None


NETWORKS = {"networks": ["203.0.113.0/24", "2001:db8::/32"]}
CASES = [
    Case("GET /api/v1/events", 200),
    Case("GET /api/v1/events?limit=5", 200),
    Case("GET http://localhost/api/v1/events", 200),
    Case("GET /api/v1/events/evt_01k9zq4w6v3m8t7c5x2b9d0r1s", 404),
    Case("GET /api/v1/me", 200, settings={"scopes": ["tickets:read"]}),
    Case("GET /api/v1/webhooks", 200, settings={"scopes": [FULL]}),
    Case("POST /api/v1/events", 422, settings={"scopes": ["events:write"]}),
    Case("GET /api/v1/webhooks", 403, "scope"),
    Case("POST /api/v1/events", 403, "scope"),
    Case("DELETE /api/v1/webhooks/wh_x", 403, "scope", settings={"scopes": ["webhooks:read"]}),
    Case("GET /api/v1/keys", 403, "scope"),
    Case("GET /api/v1/nothing", 404, "route"),
    Case("GET /api/v2/events", 404, "route"),
    Case("GET /api/v1/events/", 404, "route"),
    Case("GET /api/v1//events", 308, "route"),
    Case("PUT /api/v1/events", 405, "route"),
    Case("DELETE /api/v1/events", 405, "route", state="revoked"),
    Case("GET /api/v1/event%73", 200),
    Case("GET /api/v1/openapi.json", 200, state="revoked"),
    Case("GET /api/v1/events", 401, "key", state="revoked"),
    Case("GET /api/v1/events", 401, "key", state="expired"),
    Case("GET /api/v1/nothing", 404, "route", state="expired"),
    Case("GET /api/v1/webhooks", 401, "key", state="revoked", settings=NETWORKS, address=OUTSIDE),
    Case("GET /api/v1/events", 200, state="regenerated"),
    Case("GET /api/v1/events", 200, settings=NETWORKS),
    Case("GET /api/v1/events", 200, settings=NETWORKS, address=INSIDE_6),
    Case("GET /api/v1/events", 200, settings=NETWORKS, address=f"::ffff:{INSIDE}"),
    Case("GET /api/v1/events", 403, "network", settings=NETWORKS, address=OUTSIDE),
    Case("GET /api/v1/events", 403, "network", settings=NETWORKS | {"per_hour": 1}, address=OUTSIDE, uses=1),
    Case("GET /api/v1/events", 200, settings={"per_hour": 3}, uses=2),
    Case("GET /api/v1/events", 429, "limits", settings={"per_hour": 3}, uses=3),
    Case("GET /api/v1/events", 429, "limits", settings={"per_day": 2}, uses=2),
    Case("GET /api/v1/webhooks", 429, "limits", settings={"per_hour": 2}, uses=2),
    Case("GET /api/v1/events", 429, "limits", uses=2, team_per_hour=2),
    Case("GET /api/v1/events", 200, uses=2, team_per_hour=3),
]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.call} {case.rule} {case.status} {case.state}"
)
def test_simulator_and_call_agree(app: Flask, people: People, case: Case) -> None:
    team_id = people.acme.id
    key_id, token = made(app, team_id, case)
    client = app.test_client()
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(case.uses):
        answer = client.get("/api/v1/me", headers=headers, environ_base={"REMOTE_ADDR": INSIDE})
        assert answer.status_code == 200
    bring_into(app, team_id, key_id, case.state)
    method, path = case.call.split()

    with app.app_context():
        call = build_call(method=method, path=path, address=case.address, at=None)
        verdicts = [simulate(team_id, queries.get_key(team_id, key_id), call) for _ in range(3)]
    answer = client.open(path, method=method, headers=headers, environ_base={"REMOTE_ADDR": case.address})

    assert answer.status_code == case.status, answer.get_data(as_text=True)
    for verdict in verdicts:
        decided = verdict.decided_by
        assert (decided.rule if decided else None) == case.rule, verdict
        assert verdict.is_allowed is (case.rule is None)
        if decided:
            assert decided.status == answer.status_code
        assert all(check.reason for check in verdict.checks)


def made(app: Flask, team_id: str, case: Case) -> tuple[str, str]:
    """Create the key of a case; return its id and the key."""
    with app.app_context():
        if case.team_per_hour is not None:
            limit_team("acme", tier=None, per_hour=case.team_per_hour, keeps_per_hour=False)
            maintenance.invalidate_team(team_id)
        settings = {"scopes": ["events:read"], **case.settings}
        created = services.create_key(team_id, "case", granted_by=frozenset({FULL}), **settings)
        token = created.token
        if case.state == "regenerated":
            made = services.regenerate_key(team_id, created.id, grace_s=60, granted_by=frozenset({FULL}))
            token = made.token
        return created.id, token


def bring_into(app: Flask, team_id: str, key_id: str, state: str) -> None:
    """Bring a key that was used into the state of the case."""
    with app.app_context():
        if state == "revoked":
            services.revoke_key(team_id, key_id)
        elif state == "expired":
            past = clock.now() - timedelta(minutes=1)
            db.session.execute(update(ApiKey).where(ApiKey.id == key_id).values(expires_at=past))
            db.session.commit()
