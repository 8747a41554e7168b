"""The GraphQL of the demo team: a part of GitHub's schema, operations, and a newer schema that would break one of them."""

import hashlib
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.calls.graphql.models import Operation, SchemaVersion
from app.integrations.models import Integration

_SDL = """\
type Issue {
  id: ID!
  number: Int!
  state: IssueState!
  title: String!
}

enum IssueState {
  CLOSED
  OPEN
}

type Mutation {
  closeIssue(id: ID!): Issue
}

type Query {
  repository(name: String!, owner: String!): Repository
  viewer: User!
}

type Repository {
  description: String
  issues(first: Int = 10, states: [IssueState!]): [Issue!]!
  name: String!
}

type User {
  email: String
  login: String!
}
"""
_NEWER = _SDL.replace("  email: String\n", "").replace("  OPEN\n", "  OPEN\n  STALE\n")
_ISSUES = """\
query OpenIssues($owner: String!, $name: String!, $first: Int = 20) {
  repository(owner: $owner, name: $name) {
    issues(first: $first, states: [OPEN]) {
      number
      title
    }
  }
}"""
_TEXT: dict[str, Any] = {
    "kind": "text", "type": "String!", "choices": [], "is_required": True, "default": "", "fields": [],
}  # fmt: skip
_FIRST = {
    **_TEXT, "name": "first", "kind": "integer", "type": "Int", "is_required": False, "default": "20",
}  # fmt: skip
_OPERATIONS: tuple[dict[str, Any], ...] = (
    {
        "name": "OpenIssues",
        "kind": "query",
        "description": "What waits in a repository.",
        "document": _ISSUES,
        "variables": [{**_TEXT, "name": "owner"}, {**_TEXT, "name": "name"}, _FIRST],
    },
    {
        "name": "WhoAmI",
        "kind": "query",
        "description": "Whose token it is.",
        "document": "query WhoAmI {\n  viewer {\n    login\n    email\n  }\n}",
        "variables": [],
    },
    {
        "name": "CloseIssue",
        "kind": "mutation",
        "description": "Closes an issue once its conversation is resolved.",
        "document": "mutation CloseIssue($id: ID!) {\n  closeIssue(id: $id) {\n    state\n  }\n}",
        "variables": [{**_TEXT, "name": "id", "type": "ID!"}],
    },
)


def add_graphql(session: Session, team_id: str) -> None:
    """Add the schema and the operations to the caller's transaction; nothing without an integration with GitHub."""
    query = select(Integration.id).where(Integration.team_id == team_id, Integration.provider == "github")
    integration_id = session.scalars(query.limit(1)).one_or_none()
    if integration_id is None:
        return
    operations = [
        Operation(team_id=team_id, integration_id=integration_id, problems=[], **one) for one in _OPERATIONS
    ]
    session.add_all(operations)
    session.flush()
    broken = [
        {
            "id": operations[1].id,
            "name": "WhoAmI",
            "problems": ["Line 4: Cannot query field 'email' on type 'User'."],
        }
    ]
    changes = {
        "breaking": [{"type": "FIELD_REMOVED", "description": "Field User.email was removed."}],
        "dangerous": [
            {"type": "VALUE_ADDED_TO_ENUM", "description": "Enum value IssueState.STALE was added."}
        ],
        "safe": [],
    }
    session.add(_version(team_id, integration_id, _SDL, number=1, changes={}))
    session.add(
        _version(
            team_id, integration_id, _NEWER, base_number=1, breaking=1, dangerous=1, changes=changes,
            broken=broken, operation_count=3,
        )
    )  # fmt: skip


def _version(team_id: str, integration_id: str, sdl: str, **more: Any) -> SchemaVersion:
    digest = hashlib.sha256(sdl.encode()).hexdigest()
    counts = {"types": 14, "queries": 2, "mutations": 1}
    return SchemaVersion(
        team_id=team_id,
        integration_id=integration_id,
        source="sdl",
        sdl=sdl,
        sdl_hash=digest,
        **counts,
        **more,
    )
