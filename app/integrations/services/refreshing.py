"""Refreshes tokens ahead of their end: of all processes and threads one at a time for each connection.

Who holds the lease of a connection's row refreshes; the others wait and take what it got. New tokens are written over
the version that they were got with, and over no other, so a holder that was stopped for a while and comes back late
takes nothing away, and its success is not lost. A holder that dies leaves its lease to end.

What cannot be mended from here: a process that is killed after the provider took a refresh token that works once,
and before the next one is stored. The next refresh is refused then, and the connection has to be made again, unless the provider
gives its clients some minutes' grace. The reason says so.
"""

import time
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import select, update

from app.db import leases
from app.db.session import reading
from app.extensions import db
from app.integrations.credentials import CredentialsUnreadable
from app.integrations.models import Connection, Integration
from app.integrations.rules import (
    APP_REFUSED,
    CONNECTED,
    NEEDS_RECONNECT,
    REFUSALS_MAX,
    refresh_backoff_s,
)
from app.integrations.services import notices
from app.integrations.services.registrations import OAuthSetup, setup_of
from app.integrations.services.token_sets import (
    StoredTokens,
    details_said,
    jitter,
    read_tokens,
    replace_version,
    stored_tokens,
    token_values,
)
from app.lib import clock
from app.lib.errors import Conflict, Unavailable
from app.oauth.contract import ClientRefused, GrantRefused, OAuthError, ProviderUnavailable
from app.oauth.tokens import TokenSet
from app.outbox.services import nudge

log = structlog.get_logger()

#: Much longer than the one request that is sent under it.
LEASE_S = 30.0
#: How long others wait for the holder of the lease: longer than it waits for the provider.
WAIT_S = 12.0
_LOOK_AGAIN_S = 0.05
_ERROR_CHARS_MAX = 500
_INTERRUPTED = "A refresh was begun, and its answer is not stored (yet)."
_LOST = (
    " A refresh before it was interrupted between the provider's answer and its storage, which uses up a refresh token"
    " that works once."
)


@dataclass(frozen=True, slots=True)
class _Work:
    """A connection that is ours to refresh."""

    setup: OAuthSetup
    before: StoredTokens
    lease: str = field(repr=False)
    details: dict[str, str]
    was_interrupted: bool

    def told(self, error: OAuthError) -> str:
        """Return what the provider said, without our secrets, which some repeat."""
        return self.setup.masked(str(error), self.before.tokens)


def refresh_version(connection_id: str, version: int, *, wait_s: float = WAIT_S) -> None:
    """See to it that the tokens of this version are refreshed, by us or by who is at it already, and return then.

    Whether it succeeded stands in the row: a failure is recorded there. No session may be open. Raises Unavailable when
    the one who is at it takes too long.
    """
    ends_at_s = clock.steady_s() + wait_s
    while True:
        with reading():
            current = _version_and_lease(connection_id)
        if current is None or current[0] != version:
            return
        if not current[1]:
            with db.engine.begin() as connection:
                claim = leases.claim_row(
                    connection,
                    Connection,
                    connection_id,
                    lease_s=LEASE_S,
                    where=(Connection.token_version == version,),
                )
            if claim is not None:
                refresh_claimed(connection_id, claim.lease)
                return
        if clock.steady_s() >= ends_at_s:
            raise Unavailable("Its tokens are being refreshed, and the provider does not answer. Try again.")
        time.sleep(_LOOK_AGAIN_S * (1 + jitter()))


def _version_and_lease(connection_id: str) -> tuple[int, bool] | None:
    """Return the version of the tokens, and whether somebody holds the lease."""
    with db.engine.connect() as connection:
        row = connection.execute(
            select(Connection.token_version, Connection.lease, Connection.due_at).where(
                Connection.id == connection_id
            )
        ).one_or_none()
    if row is None:
        return None
    is_held = row.lease is not None and (row.due_at is None or row.due_at > clock.now())
    return row.token_version, is_held


def refresh_claimed(connection_id: str, lease: str) -> None:
    """Refresh under this lease, and write what came of it."""
    try:
        work = _begun(connection_id, lease)
    except (CredentialsUnreadable, Conflict) as error:
        _write_failure(connection_id, lease, str(error))
        return
    if work is None:
        return
    if not work.before.can_be_refreshed:
        words = f"The access token has ended, and {work.setup.provider.name} gave none to refresh it with."
        _end(work, NEEDS_RECONNECT, "expired", words)
        return
    try:
        fresh = work.setup.client().refresh(work.before.tokens)
    except GrantRefused as error:
        lost = _LOST if work.was_interrupted else ""
        words = f"{work.setup.provider.name} ended the connection: {work.told(error)}.{lost}"
        _end(work, NEEDS_RECONNECT, error.code or "invalid_grant", words)
    except ClientRefused as error:
        words = (
            f"{work.setup.provider.name} does not accept the app's client id or secret ({work.told(error)}). Correct them: the"
            " connection goes on by itself then."
        )
        if _is_useless(work.before):
            _end(work, APP_REFUSED, error.code or "invalid_client", words)
        else:
            _write_failure(connection_id, lease, words)
    except OAuthError as error:
        _refused_or_later(work, error)
    else:
        _store(work, fresh)


def _begun(connection_id: str, lease: str) -> _Work | None:
    """Return what the refresh needs, having marked that it began; None when the lease is not ours (any more)."""
    try:
        connection = db.session.get(Connection, connection_id, populate_existing=True)
        if connection is None or connection.lease != lease:
            return None
        before = stored_tokens(connection)
        setup = setup_of(db.session.get_one(Integration, connection.integration_id, populate_existing=True))
        work = _Work(
            setup, before, lease, dict(connection.details), connection.last_refresh_error == _INTERRUPTED
        )
        connection.last_refresh_error = _INTERRUPTED
        db.session.commit()
        return work
    finally:
        # The provider is asked next: no connection to the database is held meanwhile.
        db.session.rollback()


def _store(work: _Work, fresh: TokenSet) -> None:
    connection_id, setup = work.before.connection_id, work.setup
    with db.engine.begin() as connection:
        values = token_values(connection, connection_id, setup.oauth, fresh)
        values["details"] = {**work.details, **details_said(setup.oauth, fresh)}
        state_before = _state_of(connection, connection_id)
        if state_before != CONNECTED:
            values["state_changed_at"] = clock.now()
        is_stored = replace_version(connection, connection_id, work.before.version, values)
        if is_stored and state_before != CONNECTED:
            notices.add_reconnected(
                connection,
                team_id=setup.team_id,
                integration_id=setup.integration_id,
                name=setup.name,
                provider=setup.provider.slug,
            )
    if is_stored:
        log.info("connection_refreshed", connection_id=connection_id, integration_id=setup.integration_id)
    elif read_tokens_or_none(connection_id) is None:
        _revoke_quietly(setup, fresh)


def read_tokens_or_none(connection_id: str) -> StoredTokens | None:
    """Return the connection's tokens; None when it is gone, or they cannot be read."""
    try:
        return read_tokens(connection_id)
    except CredentialsUnreadable:
        return None


def _revoke_quietly(setup: OAuthSetup, tokens: TokenSet) -> None:
    """End a grant that came back to life: it was disconnected while these tokens were under way."""
    try:
        setup.client().revoke(tokens)
    except OAuthError as error:
        log.warning(
            "late_tokens_not_revoked",
            integration_id=setup.integration_id,
            reason=setup.masked(str(error), tokens),
        )


def _refused_or_later(work: _Work, error: OAuthError) -> None:
    """Have it tried again; refused for long enough by a provider that names no reason, the grant counts as ended."""
    failures = work.before.refresh_failures + 1
    if not isinstance(error, ProviderUnavailable) and failures >= REFUSALS_MAX and _is_useless(work.before):
        words = f"{work.setup.provider.name} has refused {failures} refreshes in a row: {work.told(error)}."
        _end(work, NEEDS_RECONNECT, error.code or "refused", words)
        return
    _write_failure(work.before.connection_id, work.lease, f"{work.setup.provider.name}: {work.told(error)}.")


def _is_useless(before: StoredTokens) -> bool:
    """Return whether nothing can be called with the tokens; of unknown life, that is believed after many refusals."""
    is_given_up = before.expires_at is None and before.refresh_failures + 1 >= REFUSALS_MAX
    return before.has_ended or before.state == APP_REFUSED or is_given_up


def _write_failure(connection_id: str, lease: str, words: str) -> None:
    """Record a failure after which the connection stays as it is, and is tried again."""
    with db.engine.begin() as connection:
        failures = (
            connection.scalar(select(Connection.refresh_failures).where(Connection.id == connection_id)) or 0
        ) + 1
        is_written = leases.settle(
            connection,
            Connection,
            connection_id,
            lease,
            due_in_s=refresh_backoff_s(failures, jitter=jitter()),
            refresh_failures=failures,
            last_refresh_error=words[:_ERROR_CHARS_MAX],
        )
    if is_written:
        log.warning("connection_not_refreshed", connection_id=connection_id, failures=failures, reason=words)


def _end(work: _Work, state: str, reason_code: str, words: str) -> None:
    """Record that the connection does not work any more, and tell people, once.

    Only over the tokens that were refused: if another has stored newer ones meanwhile, ours was a lost race.
    """
    connection_id, setup, words = work.before.connection_id, work.setup, words[:_ERROR_CHARS_MAX]
    failures = work.before.refresh_failures + 1
    # What the app's registration is to blame for ends by itself when that is corrected.
    wait_s = refresh_backoff_s(failures, jitter=jitter()) if state == APP_REFUSED else None
    with db.engine.begin() as connection:
        state_before = _state_of(connection, connection_id)
        ended = connection.execute(
            update(Connection)
            .where(
                Connection.id == connection_id,
                Connection.lease == work.lease,
                Connection.token_version == work.before.version,
            )
            .values(
                state=state,
                reason_code=reason_code[:100],
                reason=words,
                state_changed_at=clock.now() if state != state_before else Connection.state_changed_at,
                refresh_failures=failures,
                last_refresh_error=words,
                lease=None,
                due_at=None if wait_s is None else leases.due_in(connection, wait_s),
            )
            .returning(Connection.id)
        ).one_or_none()
        if ended is None or state == state_before:
            return
        notices.add_ended(
            connection,
            team_id=setup.team_id,
            integration_id=setup.integration_id,
            name=setup.name,
            provider=setup.provider.slug,
            reason_code=reason_code,
            reason=words,
        )
    nudge()
    log.warning("connection_ended", connection_id=connection_id, reason_code=reason_code, reason=words)


def _state_of(connection: DatabaseConnection, connection_id: str) -> str | None:
    """Return the state of the row, which is locked until the transaction ends."""
    return connection.scalar(select(Connection.state).where(Connection.id == connection_id).with_for_update())
