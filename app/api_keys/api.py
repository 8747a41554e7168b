"""`/api/v1/keys`."""

from datetime import UTC

from flask import request
from flask_openapi import Tag

from app.api_keys import queries, services
from app.api_keys.queries import KEYS
from app.api_keys.schemas.checks import CheckOut, SimulationIn, SimulationOut, Verified, VerifyIn
from app.api_keys.schemas.keys import (
    CallerList,
    CallerOut,
    HourOut,
    KeyChange,
    KeyChanged,
    KeyCreated,
    KeyIn,
    KeyList,
    KeyOut,
    KeyPath,
    RegenerateIn,
    RevocationPending,
    UsageOut,
    UsageQuery,
)
from app.api_keys.services import CreatedKey
from app.api_keys.simulation import build_call, simulate
from app.api_keys.verification import introspection
from app.api_keys.verification.key_cache import ENTRY_S
from app.idempotency.api import idempotent
from app.lib.redact import MASK
from app.web import limits
from app.web.access import principal, require, signed_in
from app.web.forms.versions import expected_by_caller, tag_response
from app.web.lists import ListQuery, takes
from app.web.openapi.marks import returns_etag, takes_if_match
from app.web.schemas import PROBLEMS, Problem
from app.web.schemes import Api

keys_api = Api(
    "keys_api",
    __name__,
    url_prefix="/api/v1",
    abp_responses={**PROBLEMS},
    abp_tags=[Tag(name="API keys", description="What programs show instead of a password.")],
)


@keys_api.get("/keys", summary="List API keys", responses={200: KeyList})
@require("keys:manage")
@takes(KEYS)
def list_keys(query: ListQuery) -> KeyList:
    """Return the team's keys, newest first, without their secrets."""
    page = KEYS.find(principal().team_id, query.selection(), size=query.limit)
    return KeyList.of(page, data=[KeyOut.of(key) for key in page.rows])


@keys_api.post("/keys", summary="Create an API key", responses={201: KeyCreated, 409: Problem})
@require("keys:manage")
@idempotent(KeyCreated, status=201, replay=lambda key_id: _with_secret(CreatedKey(key_id, MASK)))
def create_key(body: KeyIn) -> tuple[KeyCreated, int]:
    """Create a key. Only this answer holds it. A key cannot grant what it lacks.

    At most 10 creations and regenerations in 15 minutes.
    """
    settings = body.settings()
    limits.strict("api-key-creation", principal().id)
    created = services.create_key(
        principal().team_id,
        settings.pop("name"),
        **settings,
        granted_by=principal().permissions,
        created_by_id=principal().id if principal().kind == "user" else None,
        responsible_id=principal().id,
        is_test=body.is_test,
    )
    return _with_secret(created), 201


@keys_api.post("/keys/verify", summary="Verify an API key", responses={200: Verified})
@signed_in
def verify_key(body: VerifyIn) -> Verified:
    """Return whether a key that was presented to your own service may be used: now, for a scope, from an address.

    Knows the keys of the calling key's team only. Needs no scope, so that a service that checks keys need not be able
    to make them: whoever has a whole key may know what it can do. Nothing counts against the limits of the key in
    question.
    """
    verified = introspection.verify_key(
        principal().team_id, body.key.strip(), scope=body.scope, address=body.address
    )
    return Verified.of(verified)


@keys_api.get("/keys/<key_id>", summary="Get an API key", responses={200: KeyOut})
@require("keys:manage")
@returns_etag
def get_key(path: KeyPath) -> KeyOut:
    """Return one key and how it is used. `ETag` stands for its settings."""
    key = queries.get_key(principal().team_id, path.key_id)
    tag_response(services.key_version(key))
    return KeyOut.of(key)


@keys_api.patch("/keys/<key_id>", summary="Change an API key", responses={200: KeyChanged, 409: Problem})
@require("keys:manage")
@takes_if_match
@returns_etag
def change_key(path: KeyPath, body: KeyChange) -> KeyChanged:
    """Change settings; what is left out stays as it is. Counts from the next request with the key on.

    403 when the key has a scope that the calling key lacks, 409 for a revoked key.
    """
    changed = services.change_key(
        principal().team_id,
        path.key_id,
        body.settings(),
        granted_by=principal().permissions,
        expected=expected_by_caller(),
    )
    tag_response(services.key_version(queries.get_key(principal().team_id, path.key_id)))
    return _after_change(path.key_id, is_known_everywhere=changed.is_known_everywhere)


@keys_api.delete("/keys/<key_id>", summary="Revoke an API key", responses={204: None, 202: RevocationPending})
@require("keys:manage")
@takes_if_match
def revoke_key(path: KeyPath) -> tuple[RevocationPending | str, int]:
    """Revoke a key for good: when this is answered with 204, no further request with it succeeds anywhere.

    202 when Redis did not answer: it is revoked, but for some minutes it may still be accepted here and there.
    """
    revoked = services.revoke_key(principal().team_id, path.key_id, expected=expected_by_caller())
    if revoked.is_known_everywhere:
        return "", 204
    detail = f"Revoked. It takes effect everywhere within {ENTRY_S // 60} minutes at the latest."
    return RevocationPending(detail=detail), 202


@keys_api.post(
    "/keys/<key_id>/regenerate",
    summary="Regenerate an API key",
    responses={200: KeyCreated, 409: Problem},
)
@require("keys:manage")
# Whether the server died before or after the caches were invalidated is not known.
@idempotent(
    KeyCreated,
    status=200,
    replay=lambda key_id: _with_secret(CreatedKey(key_id, MASK, is_known_everywhere=False)),
)
def regenerate_key(path: KeyPath, body: RegenerateIn) -> KeyCreated:
    """Give the key a new secret, which only this answer holds. The old one works for `grace_s` seconds more.

    An older one that was still in its grace ends at once. 403 when the key has a scope that the calling key lacks,
    409 for a revoked key.
    """
    limits.strict("api-key-creation", principal().id)
    created = services.regenerate_key(
        principal().team_id,
        path.key_id,
        grace_s=body.grace_s,
        granted_by=principal().permissions,
        granter_id=principal().id,
    )
    return _with_secret(created)


@keys_api.post(
    "/keys/<key_id>/keep",
    summary="Keep an API key after its review",
    responses={200: KeyChanged, 409: Problem},
)
@require("keys:manage")
def keep_key(path: KeyPath) -> KeyChanged:
    """Keep a key that waits for its review, with all of its scopes. Without a pending review, nothing changes.

    403 when the key has a scope that the calling key lacks, 409 for a revoked key.
    """
    kept = services.keep_key(
        principal().team_id,
        path.key_id,
        granted_by=principal().permissions,
        responsible_id=principal().id,
    )
    return _after_change(path.key_id, is_known_everywhere=kept.is_known_everywhere)


@keys_api.post("/keys/<key_id>/end-grace", summary="End the grace of an old key", responses={200: KeyChanged})
@require("keys:manage")
def end_grace(path: KeyPath) -> KeyChanged:
    """End the old key of a regeneration now. Without one, nothing changes."""
    ended = services.end_grace(principal().team_id, path.key_id)
    return _after_change(path.key_id, is_known_everywhere=ended.is_known_everywhere)


@keys_api.get("/keys/<key_id>/callers", summary="Get who uses the old key", responses={200: CallerList})
@require("keys:manage")
def get_key_callers(path: KeyPath) -> CallerList:
    """Return the programs that used the old key since the regeneration. Some seconds behind."""
    key = queries.get_key(principal().team_id, path.key_id)
    callers = queries.callers_of(principal().team_id, path.key_id)
    return CallerList(data=[CallerOut.of(caller) for caller in callers], grace_ends_at=key.previous_ends_at)


@keys_api.get("/keys/<key_id>/usage", summary="Get the use of an API key", responses={200: UsageOut})
@require("keys:manage")
def get_key_usage(path: KeyPath, query: UsageQuery) -> UsageOut:
    """Return how often the key was used and refused, by hours. Some seconds behind."""
    key = queries.get_key(principal().team_id, path.key_id)
    hours = queries.usage_of(principal().team_id, key.id, days=query.days)
    return UsageOut(data=[HourOut.of(hour) for hour in hours])


@keys_api.post(
    "/keys/<key_id>/simulate", summary="Simulate a call with an API key", responses={200: SimulationOut}
)
@require("keys:manage")
def simulate_call(path: KeyPath, body: SimulationIn) -> SimulationOut:
    """Return whether the key would be allowed this call, from that address, at that time, and which rule decides.

    Whether the object exists and the body is right, only the call itself can tell.
    """
    key = queries.get_key(principal().team_id, path.key_id)
    at = body.at.replace(tzinfo=UTC) if body.at is not None and body.at.tzinfo is None else body.at
    address = body.address if body.address is not None else request.remote_addr or ""
    call = build_call(method=body.method, path=body.path, address=address, at=at)
    verdict = simulate(principal().team_id, key, call)
    decided = verdict.decided_by
    return SimulationOut(
        is_allowed=verdict.is_allowed,
        decided_by=decided.rule if decided else None,
        status=decided.status if decided else None,
        checks=[CheckOut.of(check) for check in verdict.checks],
    )


def _with_secret(created: CreatedKey) -> KeyCreated:
    key = queries.get_key(principal().team_id, created.id)
    return KeyCreated.of(key, is_known_everywhere=created.is_known_everywhere, key=created.token)


def _after_change(key_id: str, *, is_known_everywhere: bool) -> KeyChanged:
    key = queries.get_key(principal().team_id, key_id)
    return KeyChanged.of(key, is_known_everywhere=is_known_everywhere)
