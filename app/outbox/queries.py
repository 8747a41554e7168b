"""Mails that could not be sent."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.session import reading
from app.extensions import db
from app.outbox.models import OutgoingMail

_SHOWN_MAX = 20


def unsent_mails() -> Sequence[OutgoingMail]:
    """Return the newest mails that could not be sent, given up or to be tried again; they belong to no session."""
    with reading(), Session(db.engine, expire_on_commit=False) as session:
        return session.scalars(
            select(OutgoingMail)
            .where(OutgoingMail.last_error.is_not(None))
            .order_by(OutgoingMail.id.desc())
            .limit(_SHOWN_MAX)
        ).all()
