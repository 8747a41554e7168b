"""Where a run goes on, as its caller keeps it: sealed, since an address of a next page would lead anywhere on the service."""

import orjson

from app.calls.rest.pagination import Position
from app.extensions import sealer
from app.lib.errors import Invalid
from app.lib.sealed import CannotOpen

_RESUME_MAX_CHARS = 20_000
_SEALED_AS = {"table": "endpoints", "column": "resume"}


def seal_position(endpoint_id: str, digest: str, position: Position) -> str:
    """Return a position that only this endpoint takes, and only with what `digest` stands for."""
    text = orjson.dumps([digest, position.as_json()])
    return sealer().seal(text, row_id=endpoint_id, **_SEALED_AS)


def open_position(endpoint_id: str, digest: str, resume: str) -> Position:
    """Return where a run goes on. Raises Invalid for what no run of this endpoint with these parameters gave."""
    problem = Invalid.field(
        "resume", "Send it exactly as the run before returned it, with the same parameters."
    )
    if len(resume) > _RESUME_MAX_CHARS:
        raise problem
    try:
        known, position = orjson.loads(sealer().open(resume, row_id=endpoint_id, **_SEALED_AS))
    except CannotOpen:
        raise problem from None
    if known != digest:
        raise problem
    return Position.of(position)
