"""The outbox of mails."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.leases import Leased
from app.db.types import Json, UtcDateTime
from app.lib import clock


class OutgoingMail(Leased, Base):
    """A mail that is to be sent. It names what it is about by ids: text and links are made when it is sent.

    The row is deleted once a mail server took the mail. One that is given up has a `failed_at` and stays for some days.
    """

    __tablename__ = "outgoing_mails"
    __table_args__ = (Index(None, "due_at"), Index(None, "failed_at"))

    kind: Mapped[str] = mapped_column(String(60))
    args: Mapped[list[Any]] = mapped_column(Json)
    attempt_count: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(300))
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
