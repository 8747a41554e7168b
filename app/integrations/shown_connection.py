"""An integration's connection, shaped for its page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flask import url_for

from app.integrations.models import Connection, Integration
from app.integrations.rules import APP_REFUSED, CONNECTED
from app.integrations.spec import OAuth, OAuthAuth, Provider
from app.integrations.status import NextStep, StatusReport
from app.lib import clock

_LABELS = {
    CONNECTED: ("Connected", "green", "circle-check"),
    "": ("Not connected", "grey", "circle-dashed"),
}
#: Asks for a refresh token; many providers give that and leave the name out.
_UNSAID = frozenset({"offline_access"})
_ENDED = ("Ended", "red", "alert-triangle")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a person should know of: kind and title of a callout, and what was said."""

    kind: Literal["warning", "danger"]
    title: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownConnection:
    """What the page says of a connection; `row` None: there is none."""

    label: str
    tone: str
    icon: str
    row: Connection | None
    problem: Problem | None
    granted: list[str]
    #: The provider did not say what it granted: it is what was asked for.
    is_assumed: bool
    not_granted: list[str]
    unknown_life: str
    next_refresh_at: datetime | None
    can_connect: bool
    #: Connecting is the next step.
    is_urgent: bool
    can_refresh: bool
    needs_app: bool
    app_url: str


def shown_connection(
    integration: Integration, provider: Provider, report: StatusReport
) -> ShownConnection | None:
    """Return what the page says of the connection; None for an integration that is not connected by OAuth."""
    oauth, row = provider.oauth, integration.connection
    if oauth is None or not isinstance(provider.auth_method(integration.auth_method).placement, OAuthAuth):
        return None
    label, tone, icon = _LABELS.get(row.state if row else "", _ENDED)
    asked = _asked(integration, oauth)
    granted = _split(row.granted_scope) if row and row.granted_scope else asked
    has_schedule = row is not None and row.state == CONNECTED and row.lease is None
    is_urgent = report.step in (NextStep.CONNECT, NextStep.RECONNECT)
    return ShownConnection(
        label=label,
        tone=tone,
        icon=icon,
        row=row,
        problem=_problem(row) if row else None,
        granted=granted,
        is_assumed=row is not None and not row.granted_scope and bool(asked),
        not_granted=[scope for scope in asked if row and scope not in granted and scope not in _UNSAID],
        unknown_life=_unknown_life(oauth),
        next_refresh_at=row.due_at if row and has_schedule and oauth.has_refresh_tokens else None,
        can_connect=report.step not in (NextStep.FILL_IN, NextStep.ADD_APP) or row is not None,
        is_urgent=is_urgent,
        can_refresh=row is not None and oauth.has_refresh_tokens and row.state != "needs_reconnect",
        needs_app=row is None and report.step is NextStep.ADD_APP,
        app_url=url_for("integrations.app", provider_slug=provider.slug),
    )


def _problem(row: Connection) -> Problem | None:
    if row.state == APP_REFUSED:
        return Problem("danger", "The provider refuses the app", row.reason or "")
    if row.state != CONNECTED:
        return Problem("danger", "It has to be reconnected", row.reason or "The provider ended it.")
    if not row.refresh_failures:
        return None
    if row.expires_at is not None and row.expires_at <= clock.now():
        title = "The access token has ended, and was not refreshed yet"
        return Problem("danger", title, row.last_refresh_error or "")
    return Problem("warning", "The last refresh failed; it is tried again", row.last_refresh_error or "")


def _asked(integration: Integration, oauth: OAuth) -> list[str]:
    if oauth.scope_field:
        return _split(integration.config.get(oauth.scope_field, ""))
    return list(integration.scopes)


def _split(scopes: str) -> list[str]:
    """Return scopes that a provider separates by spaces or commas."""
    return scopes.replace(",", " ").split()


def _unknown_life(oauth: OAuth) -> str:
    if not oauth.has_refresh_tokens:
        return "when it is revoked"
    return "unknown: it is refreshed every day, and when the service refuses it"
