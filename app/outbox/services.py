"""Adds mails to the transaction that causes them, and sends what is due."""

import contextlib
from datetime import timedelta
from smtplib import SMTPException, SMTPServerDisconnected

import structlog
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.orm import Session

from app.db import leases
from app.db.clock import DatabaseNow
from app.extensions import db
from app.jobs.table import enqueue
from app.lib import clock
from app.lib.errors import Unavailable
from app.lib.ids import new_id
from app.outbox.models import OutgoingMail
from app.outbox.rules import wait_before_retry_s
from app.web.mails import mail_kind, send_mail

log = structlog.get_logger()

#: One run claims new mails for this long; the next run goes on.
RUN_S = 60.0
#: Longer than the timeout of the job: while a sender lives, no other sends the same mail.
LEASE_S = 300.0
#: How long all mails wait for a mail server that did not answer.
AWAY_S = 30.0
FAILED_KEPT = timedelta(days=7)
_ERROR_CHARS_MAX = 300


class _ServerAway(Exception):
    """The mail server does not answer: the other mails need not be tried now."""


def add_mail(transaction: Session | Connection, kind: str, *args: str) -> None:
    """Have a mail sent when the caller's transaction commits: with what causes it, or not at all. Then call `nudge()`.

    `args`, ids mostly, are given to the `compose` of the kind. Raises KeyError for a kind that no feature declares.
    """
    values = {
        "id": new_id("mail"),
        "kind": mail_kind(kind).name,
        "args": list(args),
        "attempt_count": 0,
        "created_at": clock.now(),
    }
    transaction.execute(insert(OutgoingMail).values(due_at=DatabaseNow(), **values))


def nudge() -> None:
    """Have added mails sent at once. Call it after the commit. Without Redis a periodic job finds them later."""
    with contextlib.suppress(Unavailable):
        enqueue("outbox.send")


def send_due() -> int:
    """Send the mails that are due, each under a lease of its own; returns how many a mail server took.

    When a sender dies between the server's answer and the commit, the mail is sent again, under the same Message-ID.
    """
    ends_at_s = clock.steady_s() + RUN_S
    sent = 0
    while clock.steady_s() < ends_at_s:
        # One at a time: a mail that crashes its sender delays no other.
        with db.engine.begin() as connection:
            claim = leases.claim(
                connection,
                OutgoingMail,
                limit=1,
                lease_s=LEASE_S,
                attempt_count=OutgoingMail.attempt_count + 1,
            )
        if not claim.ids:
            break
        try:
            sent += _send(claim.ids[0], claim.lease)
        except _ServerAway:
            # Each mail would wait for it as long as this one, and what else this process serves behind them all.
            with db.engine.begin() as connection:
                leases.postpone(connection, OutgoingMail, due_in_s=AWAY_S)
            break
    return sent


def trim() -> None:
    """Delete the mails that were given up some days ago."""
    with db.engine.begin() as connection:
        connection.execute(delete(OutgoingMail).where(OutgoingMail.failed_at < clock.now() - FAILED_KEPT))


def _send(mail_id: str, lease: str) -> bool:
    with Session(db.engine, expire_on_commit=False) as session:
        mail = session.scalars(select(OutgoingMail).where(OutgoingMail.id == mail_id)).one()
    left_s = _lifetime_s(mail) - (clock.now() - mail.created_at).total_seconds()
    if left_s <= 0:
        _settle_unsent(mail, lease, mail.last_error or "It could not be sent in time.", wait_s=None)
        return False
    try:
        is_sent = _hand_over(mail)
    except Exception as error:
        # Whatever is wrong with this mail, the next one may be in order; and somebody has to read what it is.
        reason = str(error)
        if not isinstance(error, OSError | SMTPException):
            log.exception("mail_not_made", mail_id=mail_id, kind=mail.kind)
            reason = f"{type(error).__name__}: {error}"
        wait_s = wait_before_retry_s(mail.attempt_count)
        _settle_unsent(mail, lease, reason, wait_s=wait_s if wait_s < left_s else None)
        if _is_server_away(error):
            raise _ServerAway from None
        return False
    with db.engine.begin() as connection:
        is_ours = leases.settle_by_deleting(connection, OutgoingMail, mail_id, lease)
    if not is_ours:
        log.warning("mail_lease_lost", mail_id=mail_id, kind=mail.kind)
    return is_sent


def _is_server_away(error: Exception) -> bool:
    """Return whether no mail server was reached, or it went away without a word."""
    is_reply = isinstance(error, SMTPException) and not isinstance(error, SMTPServerDisconnected)
    return isinstance(error, OSError) and not is_reply


def _lifetime_s(mail: OutgoingMail) -> float:
    try:
        return mail_kind(mail.kind).lifetime_s
    except KeyError:
        # A worker of the release that knows it may come to send it.
        return FAILED_KEPT.total_seconds()


def _hand_over(mail: OutgoingMail) -> bool:
    """Hand the mail as it is to be now to the mail server; returns False when there is no reason for it any more."""
    try:
        composed = mail_kind(mail.kind).compose(*mail.args)
    finally:
        db.session.remove()
    if composed is None:
        return False
    send_mail(composed, message_id=mail.id)
    return True


def _settle_unsent(mail: OutgoingMail, lease: str, reason: str, *, wait_s: float | None) -> None:
    """Have the mail tried again after `wait_s`; None: give it up."""
    with db.engine.begin() as connection:
        leases.settle(
            connection,
            OutgoingMail,
            mail.id,
            lease,
            due_in_s=wait_s,
            last_error=reason[:_ERROR_CHARS_MAX],
            failed_at=clock.now() if wait_s is None else None,
        )
    log.warning("mail_not_sent", mail_id=mail.id, kind=mail.kind, reason=reason, is_given_up=wait_s is None)
