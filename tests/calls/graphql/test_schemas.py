"""Schemas: by SDL and by introspection, versions, and what a new one does to saved operations."""

import json

import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer

from app.audit.models import AuditEntry
from app.calls.graphql import rules
from app.calls.graphql.models import SchemaVersion
from app.calls.graphql.queries import current_version, describe_dependents, find_proposal, versions_of
from app.calls.graphql.services.schemas import (
    BreaksOperations,
    accept_proposal,
    discard_proposal,
    propose_schema,
)
from app.extensions import db
from app.integrations.services.integrations import create_integration, delete_integration
from app.integrations.services.settings import IntegrationSettings
from app.lib.errors import Conflict, Invalid
from app.request_log.models import LoggedRequest
from tests.calls.graphql.conftest import TOKEN, Desk
from tests.calls.graphql.server import SDL

#: Two of the three operations below use what it lacks.
NARROWER = SDL.replace("  note: String\n", "").replace("  total: Float!\n", "")
WITH_TOTAL, WITH_NOTE, WITH_ID = (
    "query Totals { orders { total } }",
    "query Notes { orders { note } }",
    "query Ids { orders { id } }",
)


def test_the_first_schema_is_saved_at_once(desk: Desk) -> None:
    version = desk.propose(SDL)
    assert version is not None
    assert (version.number, version.queries, version.mutations, version.source) == (1, 4, 1, "sdl")
    assert (version.breaking, version.operation_count, version.broken) == (0, 0, [])


def test_a_schema_is_read_by_introspection(desk: Desk) -> None:
    version = desk.propose(None)
    assert version is not None
    assert (version.number, version.source) == (1, "introspection")
    (asked,) = desk.server.asked
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    # The same schema, whichever way it came.
    assert desk.propose(SDL) is None


def test_the_same_schema_adds_no_version(desk: Desk) -> None:
    desk.renew()
    assert desk.propose("# another order\n" + SDL) is None
    with desk.app.app_context():
        assert [version.number for version in versions_of(desk.id)] == [1]


def test_a_change_is_shown_before_it_is_saved(desk: Desk) -> None:
    desk.renew()
    for document in (WITH_TOTAL, WITH_NOTE, WITH_ID):
        desk.save(document)
    proposal = desk.propose(NARROWER)
    assert proposal is not None
    assert (proposal.number, proposal.base_number, proposal.breaking) == (None, 1, 2)
    assert {one["description"] for one in proposal.changes["breaking"]} == {
        "Field Order.note was removed.",
        "Field Order.total was removed.",
    }
    assert proposal.operation_count == 3
    assert sorted(one["name"] for one in proposal.broken) == ["Notes", "Totals"]
    assert "Cannot query field 'note'" in next(
        one["problems"][0] for one in proposal.broken if one["name"] == "Notes"
    )
    with desk.app.app_context():
        current = current_version(desk.id)
        assert current is not None
        assert current.number == 1


def test_what_breaks_operations_is_not_saved_without_consent(desk: Desk) -> None:
    desk.renew()
    total, note = desk.save(WITH_TOTAL), desk.save(WITH_NOTE)
    proposal = desk.propose(NARROWER)
    assert proposal is not None
    with desk.app.app_context():
        with pytest.raises(BreaksOperations, match="breaks 2 of 2 saved operations"):
            accept_proposal(desk.team_id, desk.id, proposal.id, may_break=())
        # Consent to the one that was shown is none to the other.
        with pytest.raises(BreaksOperations):
            accept_proposal(desk.team_id, desk.id, proposal.id, may_break={total})
        accepted = accept_proposal(desk.team_id, desk.id, proposal.id, may_break={total, note})
        assert accepted.number == 2
        assert find_proposal(desk.id) is None
    for operation_id in (total, note):
        assert "Cannot query field" in desk.operation(operation_id).problems[0]


def test_what_breaks_nothing_needs_no_consent(desk: Desk) -> None:
    desk.renew()
    ids = desk.save(WITH_ID)
    proposal = desk.propose(NARROWER)
    assert proposal is not None
    assert (proposal.breaking, proposal.broken) == (2, [])
    with desk.app.app_context():
        assert accept_proposal(desk.team_id, desk.id, proposal.id, may_break=()).number == 2
    assert desk.operation(ids).problems == []


def test_an_operation_fits_again_with_the_next_schema(desk: Desk) -> None:
    desk.renew()
    total = desk.save(WITH_TOTAL)
    assert desk.renew(NARROWER).number == 2
    assert desk.operation(total).problems
    # It is broken already: the next schema does not break it.
    proposal = desk.propose(NARROWER + "type More { a: Int }")
    assert proposal is not None
    assert proposal.broken == []
    assert desk.renew(SDL).number == 3
    assert desk.operation(total).problems == []


def test_an_operation_that_came_meanwhile_is_counted(desk: Desk) -> None:
    desk.renew()
    proposal = desk.propose(NARROWER)
    assert proposal is not None
    assert proposal.broken == []
    note = desk.save(WITH_NOTE)
    with desk.app.app_context():
        with pytest.raises(BreaksOperations):
            accept_proposal(desk.team_id, desk.id, proposal.id, may_break=())
        # The page shows it from now on.
        shown = find_proposal(desk.id)
        assert shown is not None
        assert [one["id"] for one in shown.broken] == [note]


def test_a_proposal_that_was_replaced_is_not_saved(desk: Desk) -> None:
    desk.renew()
    first = desk.propose(NARROWER)
    second = desk.propose(SDL + "type More { a: Int }")
    assert first is not None
    assert second is not None
    with desk.app.app_context():
        with pytest.raises(Conflict, match="at the same moment"):
            accept_proposal(desk.team_id, desk.id, first.id, may_break=None)
        discard_proposal(desk.team_id, desk.id)
        assert find_proposal(desk.id) is None


def test_the_variables_of_operations_follow_the_schema(desk: Desk) -> None:
    desk.renew()
    saved = desk.save("query Some($s: Status) { orders(status: $s) { id } }")
    desk.renew(SDL.replace("OPEN SHIPPED", "OPEN SHIPPED LOST"))
    assert desk.operation(saved).variables[0]["choices"] == ["LOST", "OPEN", "SHIPPED"]


def test_only_the_latest_versions_are_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "VERSIONS_MAX", 2)
    for number in range(4):
        desk.renew(SDL + f"type More {{ a{number}: Int }}")
    with desk.app.app_context():
        assert [version.number for version in versions_of(desk.id)] == [4, 3]


def test_a_server_that_hides_its_schema_shows_it_to_a_header(desk: Desk) -> None:
    desk.server.admin_secret = "open-sesame"
    with pytest.raises(Conflict, match="introspection is disabled"):
        desk.propose(None)
    version = desk.propose(None, headers=[("X-Admin-Secret", "open-sesame"), ("X-Tenant", "of-the-desk")])
    assert version is not None
    assert version.number == 1
    with desk.app.app_context():
        logged = repr([vars(row) for row in db.session.scalars(select(LoggedRequest).options(undefer("*")))])
    assert "IntrospectionQuery" in logged
    for secret in ("open-sesame", "of-the-desk", TOKEN):
        assert secret not in logged


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (("Authorization", "Bearer x"), "is written by Signalbox"),
        (("Host", "elsewhere"), "is written by Signalbox"),
        (("Content-Type", "text/plain"), "is written by Signalbox"),
        (("X Y", "1"), "cannot be the name of a header"),
        (("X-Y", "1\r\nHost: elsewhere"), "printable ASCII"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(desk: Desk, header: tuple[str, str], words: str) -> None:
    with pytest.raises(Invalid) as refused:
        desk.propose(None, headers=[header])
    assert words in refused.value.errors[0].message
    assert desk.server.asked == []


def test_an_answer_without_a_schema_is_explained_without_secrets(desk: Desk) -> None:
    message = f"nothing for {TOKEN} and open-sesame"
    desk.server.answer_with(json.dumps({"errors": [{"message": message}]}).encode(), "403 Forbidden")
    with pytest.raises(Conflict) as refused:
        desk.propose(None, headers=[("X-Admin-Secret", "open-sesame")])
    assert "403" in refused.value.detail
    assert TOKEN not in refused.value.detail
    assert "open-sesame" not in refused.value.detail


def test_an_introspection_answer_that_is_too_large_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "INTROSPECTION_MAX_BYTES", 1000)
    with pytest.raises(Conflict, match="too large"):
        desk.propose(None)


def test_a_provider_without_graphql_has_no_schema(desk: Desk) -> None:
    settings = IntegrationSettings(
        name="Plain", auth_method="bearer", answers={"base_url": desk.server.url, "token": "t"}
    )
    with desk.app.app_context():
        plain = create_integration(desk.team_id, "rest", settings)
        with pytest.raises(Conflict, match="has no GraphQL API"):
            propose_schema(desk.team_id, plain, sdl=SDL)


def test_saving_a_schema_stands_in_the_audit_trail(desk: Desk) -> None:
    desk.renew()
    desk.save(WITH_NOTE)
    desk.renew(NARROWER)
    with desk.app.app_context():
        query = select(AuditEntry.detail).where(AuditEntry.action == "integration.schema_saved")
        last = db.session.scalars(query.order_by(AuditEntry.id)).all()[-1]
    assert last == "Version 2: 2 breaking, 0 dangerous, 0 safe changes; breaks 1 of 1 operations."


@pytest.mark.postgresql
def test_deleting_an_integration_deletes_its_graphql(desk: Desk) -> None:
    desk.renew()
    desk.save(WITH_ID)
    desk.propose(NARROWER)
    with desk.app.app_context():
        assert describe_dependents(desk.team_id, desk.id) == [
            "1 GraphQL operation is deleted with it.",
            "Its GraphQL schema and the versions of that are deleted with it.",
        ]
        delete_integration(desk.team_id, desk.id)
        assert db.session.scalars(select(SchemaVersion)).all() == []
