"""Whether a key would be allowed a call, from an address, at a time.

Every rule is checked, in the order of a real call.

Nothing is called and nothing is counted. What a call itself would find (whether the object exists, whether the body
is right) is not checked.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from flask import current_app
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from app.api_keys.queries import ShownKey
from app.api_keys.rules import KeyState, allows_address, scopes_in_force, state_of
from app.api_keys.usage.queries import statuses_of
from app.lib import clock
from app.lib.errors import FieldError, Invalid
from app.web.access import Access, access_of
from app.web.limits import LimitStatus
from app.web.permissions import FULL, expand, note_of
from app.web.schemes import API_PREFIX, DOCS_PATH

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PATH_CHARS_MAX = 2_000
_LIMIT_WORDS = {
    "key-hour": "this key per hour",
    "key-day": "this key per day",
    "team-hour": "the team per hour",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call to check. `at` None: now."""

    method: str
    path: str
    address: str | None
    at: datetime | None


class Outcome(StrEnum):
    """The result of a rule. Unknown: it cannot be predicted for that moment."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: its name, its result, why, and the status that a call would be answered with if it failed."""

    rule: str
    outcome: Outcome
    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the call would be allowed. `decided_by` is the first rule that fails; None when it would be."""

    is_allowed: bool
    decided_by: Check | None
    checks: Sequence[Check]


def build_call(*, method: str, path: str, address: str, at: datetime | None) -> Call:
    """Return a call as it is typed: a whole address stands for its path. Raises Invalid naming every wrong field."""
    errors = []
    method, path, address = method.strip().upper(), path.strip(), address.strip()
    if method not in METHODS:
        errors.append(FieldError("method", f"Choose one of {', '.join(METHODS)}."))
    try:
        path = unquote(urlsplit(path).path)
    except ValueError:
        path = ""
    if not path.startswith("/") or len(path) > _PATH_CHARS_MAX or not path.isprintable():
        errors.append(FieldError("path", "Write the path of the call, such as /api/v1/events."))
    elif not path.startswith(API_PREFIX) or path == DOCS_PATH:
        errors.append(
            FieldError(
                "path", f"That is a page for people; API keys open what is below {API_PREFIX}v1/ only."
            )
        )
    try:
        address = str(ipaddress.ip_address(address)) if address else ""
    except ValueError:
        errors.append(FieldError("address", "Write an IP address, such as 203.0.113.7 or 2001:db8::7."))
    if errors:
        raise Invalid("Correct the fields listed under errors.", errors=errors)
    return Call(method, path, address or None, at)


def simulate(team_id: str, key: ShownKey, call: Call) -> Verdict:
    """Check a call with this key."""
    now = clock.now()
    moment = call.at or now
    route, access = _check_route(call.method, call.path)
    if access is not None and access.is_public:
        reason = "Anybody may call this, without a key."
        rest = [Check(rule, Outcome.NOT_NEEDED, reason) for rule in ("key", "network", "limits", "scope")]
    else:
        rest = [
            _check_state(key, moment),
            _check_network(key, call.address),
            _check_limits(team_id, key, moment, now),
            _check_scope(key, access),
        ]
    checks = [route, *rest]
    decided_by = next((one for one in checks if one.outcome is Outcome.FAILED), None)
    return Verdict(decided_by is None, decided_by, checks)


def api_paths() -> list[str]:
    """Return the paths of the API, with <names> where ids stand."""
    rules = {rule.rule for rule in current_app.url_map.iter_rules()}
    return sorted(rule for rule in rules if rule.startswith(f"{API_PREFIX}v1/"))


def _check_route(method: str, path: str) -> tuple[Check, Access | None]:
    """Return the check of the route, and its mark of access where there is a route."""
    try:
        endpoint, _ = current_app.url_map.bind("localhost").match(path, method)
    except MethodNotAllowed as error:
        allowed = ", ".join(sorted(set(error.valid_methods or ()) - {"HEAD", "OPTIONS"}))
        reason = f"{path} does not take {method}, only {allowed}."
        return Check("route", Outcome.FAILED, reason, 405), None
    except RequestRedirect as error:
        reason = f"There is nothing at {path}; did you mean {urlsplit(error.new_url).path}?"
        return Check("route", Outcome.FAILED, reason, 308), None
    except NotFound:
        reason = f"There is nothing at {path}. The description of the API lists every address."
        return Check("route", Outcome.FAILED, reason, 404), None
    access = access_of(current_app.view_functions[endpoint])
    return Check("route", Outcome.PASSED, f"{method} {path} is an address of the API."), access


def _check_state(key: ShownKey, moment: datetime) -> Check:
    if moment < key.created_at:
        return Check("key", Outcome.FAILED, "The key did not exist then.", 401)
    revoked_at = key.revoked_at if key.revoked_at and key.revoked_at <= moment else None
    state = state_of(revoked_at=revoked_at, expires_at=key.expires_at, now=moment)
    if state is KeyState.REVOKED and revoked_at is not None:
        return Check("key", Outcome.FAILED, f"The key was revoked on {_words(revoked_at)}.", 401)
    if state is KeyState.EXPIRED and key.expires_at is not None:
        verb = "expired" if key.expires_at <= clock.now() else "expires"
        return Check("key", Outcome.FAILED, f"The key {verb} on {_words(key.expires_at)}.", 401)
    until = f"until {_words(key.expires_at)}" if key.expires_at else "and never expires"
    reason = f"The key is active {until}."
    if key.previous_ends_at is not None and key.previous_ends_at > moment:
        reason += f" The one before it works until {_words(key.previous_ends_at)}."
    return Check("key", Outcome.PASSED, reason)


def _check_network(key: ShownKey, address: str | None) -> Check:
    if not key.networks:
        return Check("network", Outcome.PASSED, "The key may be used from everywhere.")
    networks = ", ".join(key.networks)
    if allows_address(key.networks, address):
        return Check("network", Outcome.PASSED, f"{address} is in the key's networks: {networks}.")
    reason = f"{address or 'An unknown address'} is in none of the key's networks: {networks}."
    return Check("network", Outcome.FAILED, reason, 403)


def _check_limits(team_id: str, key: ShownKey, moment: datetime, now: datetime) -> Check:
    """Check by what is used now: later moments are beyond it once the windows have ended."""
    statuses = statuses_of(team_id, key)
    if moment < now.replace(microsecond=0):
        return Check("limits", Outcome.UNKNOWN, "What was used at that moment is not kept.")
    wait_s = (moment - now).total_seconds()
    open_windows = [status for status in statuses if status.resets_in_s > wait_s]
    full = [status for status in open_windows if status.remaining == 0]
    if full:
        return Check("limits", Outcome.FAILED, f"Nothing is left for {_left(full)}.", 429)
    if wait_s > 0:
        reason = "What is used now leaves room; what is used until then nobody knows."
        if not open_windows:
            reason = "All windows of today's uses have ended by then."
        return Check("limits", Outcome.UNKNOWN, reason)
    return Check("limits", Outcome.PASSED, f"Left: {_left(statuses)}.")


def _check_scope(key: ShownKey, access: Access | None) -> Check:
    if access is None:
        return Check("scope", Outcome.UNKNOWN, "Without an address there is no scope to ask for.")
    permission = access.permission
    if permission is None:
        return Check("scope", Outcome.PASSED, "Any key may call this, whatever its scopes.")
    what = f"{permission} ({note_of(permission).lower()})"
    scopes = scopes_in_force(key.scopes, key.review_since)
    if permission in key.scopes and permission in scopes:
        return Check("scope", Outcome.PASSED, f"It needs {what}, which the key has.")
    if permission in expand(frozenset(scopes)):
        return Check("scope", Outcome.PASSED, f"It needs {what}; the key has {FULL}, which covers it.")
    if permission in expand(frozenset(key.scopes)):
        reason = f"It needs {what}, which the key may not do until its review."
        return Check("scope", Outcome.FAILED, reason, 403)
    return Check("scope", Outcome.FAILED, f"It needs {what}, which the key lacks.", 403)


def _left(statuses: Sequence[LimitStatus]) -> str:
    return ", ".join(
        f"{status.remaining:,} of {status.policy.quota:,} for {_LIMIT_WORDS[status.policy.name]}"
        for status in statuses
    )


def _words(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
