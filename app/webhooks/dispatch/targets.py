"""Webhooks as the dispatcher needs them: secrets opened, headers prepared, cached until the row changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
import structlog
from sqlalchemy import Connection, RowMapping, select

from app import __version__
from app.lib import signing
from app.lib.redact import MASK, is_secret_name, written_forms
from app.lib.sealed import CannotOpen, Sealer
from app.webhooks.models import Webhook

log = structlog.get_logger()

#: Shorter header values are words such as `prod`: masking those in an answer would hide everything else.
_SECRET_CHARS_MIN = 8

USER_AGENT = f"Signalbox/{__version__} (webhooks)"


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook, ready to be sent to."""

    id: str
    team_id: str
    url: str
    signing_key: bytes
    timeout_s: float
    max_retries: int
    first_retry_s: float
    retry_multiplier: float
    headers: tuple[tuple[str, str], ...]
    #: The same headers as they may be stored and shown: a JSON list that is not closed yet.
    shown_start: str
    #: Values of the headers, in every form in which a receiver may repeat them: they are masked there.
    secret_values: tuple[str, ...]
    version: object


class Targets:
    """A cache of targets by id; one is read again when its webhook's `updated_at` has changed."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._cached: dict[str, Target] = {}
        self._unreadable: dict[str, object] = {}

    def load(self, connection: Connection, versions: dict[str, object]) -> dict[str, Target]:
        """Return the targets of these webhook ids. One whose secrets do not open is left out, and logged."""
        stale = [key for key, version in versions.items() if not self._is_fresh(key, version)]
        if stale:
            self._read(connection, stale, versions)
        return {key: self._cached[key] for key in versions if key in self._cached}

    def _is_fresh(self, webhook_id: str, version: object) -> bool:
        kept = self._cached.get(webhook_id)
        return kept is not None and kept.version == version

    def _read(self, connection: Connection, ids: Iterable[str], versions: dict[str, object]) -> None:
        columns = Webhook.__table__.c
        for row in connection.execute(select(Webhook.__table__).where(columns.id.in_(list(ids)))):
            try:
                self._cached[row.id] = self._open(row._mapping, versions[row.id])
            except (CannotOpen, ValueError) as error:
                self._cached.pop(row.id, None)
                # Tried again at every claim, because a key may be configured again; logged once per version.
                if self._unreadable.get(row.id) != versions[row.id]:
                    self._unreadable[row.id] = versions[row.id]
                    log.warning("webhook_secret_unreadable", webhook_id=row.id, reason=str(error))

    def _open(self, values: RowMapping, version: object) -> Target:
        row_id = values["id"]
        secret = self._sealer.open(values["secret_sealed"], table="webhooks", column="secret", row_id=row_id)
        own: list[list[str]] = []
        if values["headers_sealed"]:
            own = orjson.loads(
                self._sealer.open(values["headers_sealed"], table="webhooks", column="headers", row_id=row_id)
            )
        fixed = (("content-type", "application/json"), ("user-agent", USER_AGENT))
        return Target(
            id=row_id,
            team_id=values["team_id"],
            url=values["url"],
            signing_key=signing.secret_key(secret.decode()),
            timeout_s=float(values["timeout_s"]),
            max_retries=values["max_retries"],
            first_retry_s=float(values["first_retry_s"]),
            retry_multiplier=values["retry_multiplier"],
            headers=(*fixed, *((name, value) for name, value in own)),
            # Whatever the header is called, its value is sealed: it is not stored in the clear with attempts.
            shown_start=orjson.dumps((*fixed, *((name, MASK) for name, _ in own))).decode()[:-1],
            secret_values=_secret_values(own),
            version=version,
        )


def _secret_values(headers: Iterable[Sequence[str]]) -> tuple[str, ...]:
    found: list[str] = []
    for name, value in headers:
        # Of `Authorization: Bearer …` receivers repeat the token alone, or the whole (RFC 9110 §11.4).
        credentials = value.partition(" ")[2].strip() if is_secret_name(name) else ""
        found += [
            form
            for part in (value, credentials)
            if len(part) >= _SECRET_CHARS_MIN
            for form in written_forms(part)
        ]
    return tuple(dict.fromkeys(found))
