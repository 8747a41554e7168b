"""Finds the principal of an API key, and takes its limits. On the path of every API request.

Cached: one round trip to Redis. Not cached: a row, and bcrypt once for any number of concurrent callers, behind limits
of refusals per address, and per address and key. While Redis is down: a row each time, bcrypt once per process.
"""

import hmac
import time
from collections import OrderedDict
from functools import lru_cache
from typing import cast

from flask import g, has_request_context, request
from sqlalchemy import Row, bindparam, or_, select

from app.accounts.models import Team
from app.api_keys.models import ApiKey
from app.api_keys.rules import allows_address, scopes_in_force
from app.api_keys.tokens import kid_of
from app.api_keys.verification import use_counting
from app.api_keys.verification.bcrypt_cache import BcryptCache
from app.api_keys.verification.key_cache import Answer, Caller, Entry, KeyCache, caller_of
from app.db.session import reading
from app.extensions import AppSlot, current_settings, db, quick_redis
from app.lib import clock, passwords
from app.lib.errors import AuthenticationFailed, AuthorizationFailed, SignalboxError
from app.web.access import Principal
from app.web.limits import RedisUnavailable, counters, enforce, record_statuses, refuse, subject_of_address
from app.web.limits.enforcement import public_policy
from app.web.permissions import expand

_ENTRIES_MAX = 10_000
#: How long a first caller waits for another one's bcrypt, and how often it looks.
_FLIGHT_S, _FLIGHT_STEP_S = 3.0, 0.02
_ROW_OF_KID = (
    select(
        ApiKey.id,
        ApiKey.name,
        ApiKey.team_id,
        ApiKey.kid,
        ApiKey.key_hash,
        ApiKey.previous_key_hash,
        ApiKey.previous_ends_at,
        ApiKey.scopes,
        ApiKey.review_since,
        ApiKey.networks,
        ApiKey.per_hour,
        ApiKey.per_day,
        ApiKey.expires_at,
        ApiKey.is_test,
        ApiKey.version,
        ApiKey.revoked_at,
        Team.tier,
        Team.per_hour.label("team_per_hour"),
    )
    .join(Team, Team.id == ApiKey.team_id)
    .where(or_(ApiKey.kid == bindparam("kid"), ApiKey.previous_kid == bindparam("kid")))
)


def principal_of_key(token: str) -> Principal:
    """Return the principal of a presented key, and count the call against the key's and its team's limits.

    Raises AuthenticationFailed for a key that is malformed, unknown, wrong, revoked or expired (the reason is given
    only to callers with the whole key), AuthorizationFailed outside of its networks, and QuotaExceeded.
    """
    caller = Caller("unknown", "")
    if has_request_context():
        caller = caller_of(request.remote_addr, request.headers.get("User-Agent"))
    entry = _verifier().verify(token, caller)
    return Principal(
        "api_key", entry.key_id, entry.name, entry.team_id, _granted(entry.scopes), is_test=entry.is_test
    )


def check(token: str) -> Entry:
    """Return the state of a key that works now, from anywhere, without counting a use.

    Raises AuthenticationFailed as `principal_of_key` does, and RateLimited when too many wrong ones are tried.
    """
    return _verifier().verify(token, None)


class Verifier:
    """The verification of one process. Thread-safe: shared values are replaced as a whole."""

    def __init__(self, cache: KeyCache, known: BcryptCache, pepper: bytes) -> None:
        self._cache = cache
        self._known = known
        self._pepper = pepper
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def verify(self, token: str, caller: Caller | None) -> Entry:
        """Return the entry of a key that may be used. With `caller` None nothing is counted."""
        kid = kid_of(token)
        if kid is None:
            raise _failed(
                caller,
                "This is not an API key of Signalbox, or a part of it is missing. Copy the whole key: it starts"
                " with sb_live_ or sb_test_ and has 71 characters.",
            )
        digest = hmac.digest(self._pepper, token.encode(), "sha256").hex()
        use_counting.push_pending()
        try:
            entry = self._verify_cached(kid, digest, caller)
            if entry is None and not self._known.has_verified(kid, digest):
                entry = self._await_other(kid, digest, caller)
        except RedisUnavailable:
            return self._verify_uncached(kid, digest, token, caller)
        return entry or self._verify_uncached(kid, digest, token, caller)

    def _verify_cached(self, kid: str, digest: str, caller: Caller | None) -> Entry | None:
        """Return the entry if Redis knows the key, else None. Raises RedisUnavailable and what `verify` raises."""
        entry = self._entries.get(kid)
        for _ in range(3):
            refusal = _refusal_of(entry, caller) if entry else None
            answer = self._cache.check(kid, digest, entry, None if refusal else caller)
            if answer.word == "MISS":
                return None
            if answer.word == "MISMATCH":
                raise _failed(caller, _NOT_VALID)
            if answer.word == "STALE":
                entry = self._keep(cast(Entry, answer.entry))
                continue
            if entry is not None:
                _conclude(entry, refusal, answer)
                return entry
        return None

    def _await_other(self, kid: str, digest: str, caller: Caller | None) -> Entry | None:
        """Let one process do the slow check of this key; return what it found, or None: now this one has to."""
        ends_at_s = time.monotonic() + _FLIGHT_S
        while not self._cache.begin_flight(digest) and time.monotonic() < ends_at_s:
            time.sleep(_FLIGHT_STEP_S)
            entry = self._verify_cached(kid, digest, caller)
            if entry is not None:
                return entry
        # The other one may have finished between the last look and taking the flight.
        try:
            entry = self._verify_cached(kid, digest, caller)
        except SignalboxError:
            self._cache.end_flight(digest)
            raise
        if entry is not None:
            self._cache.end_flight(digest)
        return entry

    def _verify_uncached(self, kid: str, digest: str, token: str, caller: Caller | None) -> Entry:
        try:
            if caller is not None:
                _refuse_guessing(caller)
            row = _find_row(kid)
            key_hash = row and (row.key_hash if row.kid == kid else row.previous_key_hash)
            is_right = key_hash and self._known.matches(kid, key_hash, token, digest, address=_subject())
            if not row or not is_right:
                raise _failed(caller, _NOT_VALID)
            if row.revoked_at is not None:
                _note_refused(row.id, row.name, row.team_id)
                raise AuthenticationFailed(
                    f"The API key '{row.name}' was revoked. Use another key or create a new one."
                )
            entry = self._keep(_entry_of(kid, row))
            refusal = _refusal_of(entry, caller)
            _conclude(entry, refusal, self._count(entry, digest, None if refusal else caller))
            return entry
        finally:
            if not counters().is_away:
                self._cache.end_flight(digest)

    def _count(self, entry: Entry, digest: str, caller: Caller | None) -> Answer:
        """Cache the key in Redis and count the call; in this process alone if Redis is down or dropped it."""
        try:
            self._cache.fill(entry, digest)
            answer = self._cache.check(entry.kid, digest, entry, caller)
        except RedisUnavailable:
            answer = Answer("MISS")
        if answer.word == "ok" or caller is None:
            return answer
        statuses = counters().take_alone(entry.policies())
        use_counting.note_alone(entry, caller, is_refused=any(status.is_refusing for status in statuses))
        return Answer("ok", entry, statuses)

    def _keep(self, entry: Entry) -> Entry:
        self._entries[entry.kid] = entry
        while len(self._entries) > _ENTRIES_MAX:
            self._entries.popitem(last=False)
        return entry


_NOT_VALID = "This API key is not valid. Check that it is the key of this installation, or create a new one."


def _conclude(entry: Entry, refusal: SignalboxError | None, answer: Answer) -> None:
    """Raise the refusal, if any; record the limits for the headers."""
    if refusal is not None:
        _note_refused(entry.key_id, entry.name, entry.team_id)
        raise refusal
    if not answer.statuses:
        return
    record_statuses(answer.statuses)
    if any(status.is_refusing for status in answer.statuses):
        _note_refused(entry.key_id, entry.name, entry.team_id)
        refuse(answer.statuses, team_id=entry.team_id, is_first=answer.is_first_refusal)


def _refusal_of(entry: Entry, caller: Caller | None) -> SignalboxError | None:
    if entry.ends_at_s is not None and clock.epoch_s() >= entry.ends_at_s:
        if entry.is_previous:
            return AuthenticationFailed(
                f"The API key '{entry.name}' was regenerated and the old one has ended. Use the new one."
            )
        return AuthenticationFailed(
            f"The API key '{entry.name}' has expired. Extend it or create a new one under API keys."
        )
    if caller is not None and not allows_address(entry.networks, caller.address):
        return AuthorizationFailed(
            f"The API key '{entry.name}' may not be used from {caller.address}. Call from one of its networks, or"
            " add this one to the key."
        )
    return None


def _entry_of(kid: str, row: Row[*tuple[object, ...]]) -> Entry:
    ends = [row.expires_at] if row.expires_at else []
    is_previous = row.kid != kid
    if is_previous:
        ends.append(row.previous_ends_at)
    return Entry(
        kid=kid,
        version=row.version,
        key_id=row.id,
        name=row.name,
        team_id=row.team_id,
        scopes=scopes_in_force(row.scopes, row.review_since),
        networks=tuple(row.networks),
        per_hour=row.per_hour,
        per_day=row.per_day,
        team_per_hour=row.team_per_hour or current_settings().requests_per_hour(row.tier),
        ends_at_s=min(ends).timestamp() if ends else None,
        is_test=row.is_test,
        is_previous=is_previous,
    )


def _find_row(kid: str) -> Row[*tuple[object, ...]] | None:
    with reading(), db.engine.connect() as connection:
        return connection.execute(_ROW_OF_KID, {"kid": kid}).one_or_none()


def _subject() -> str:
    """Return whose wrong guesses these are: the address that the request comes from."""
    return subject_of_address(request.remote_addr if has_request_context() else None)


def _refuse_guessing(caller: Caller) -> None:
    """Raise QuotaExceeded for an address that presented too many wrong keys: each may cost a bcrypt."""
    (status,) = counters().peek([public_policy("key-failures", caller.address)])
    if status.remaining == 0:
        enforce([status.policy])


def _failed(caller: Caller | None, detail: str) -> AuthenticationFailed:
    """Return the error for a wrong key, counted against the caller's address."""
    if caller is not None:
        counters().take([public_policy("key-failures", caller.address)])
    return AuthenticationFailed(detail)


def _note_refused(key_id: str, name: str, team_id: str) -> None:
    """Record for the request log whose key it was, although it was refused."""
    if has_request_context():
        g.refused_key = (key_id, name, team_id)


def _new_verifier() -> Verifier:
    pepper = hmac.digest(current_settings().secret_key.encode(), b"signalbox api key pepper", "sha256")
    return Verifier(KeyCache(quick_redis()), BcryptCache(passwords.matches), pepper)


_verifier_slot = AppSlot("key_verification", _new_verifier)


def _verifier() -> Verifier:
    return _verifier_slot.get()


@lru_cache(maxsize=1024)
def _granted(scopes: tuple[str, ...]) -> frozenset[str]:
    return expand(frozenset(scopes))
