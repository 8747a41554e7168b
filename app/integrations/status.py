"""Whether an integration works: the one function that decides. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """How an integration is doing."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    ERROR = "ERROR"
    PENDING_SETUP = "PENDING_SETUP"


class NextStep(StrEnum):
    """What a person can do about it: pages make a button of it."""

    ENABLE = "enable"
    FILL_IN = "fill_in"
    ADD_APP = "add_app"
    CONNECT = "connect"
    RECONNECT = "reconnect"
    TEST = "test"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the decision is made from."""

    is_enabled: bool
    #: Labels of the fields that still have to be filled in.
    missing: tuple[str, ...] = ()
    #: Credentials are stored, but no configured key opens them.
    is_unreadable: bool = False
    uses_oauth: bool = False
    #: There are a client id and secret to connect with; `uses_apps`: they are not among its own settings.
    has_app: bool = True
    uses_apps: bool = True
    #: None: never connected.
    connection_state: str | None = None
    connection_reason: str | None = None
    #: The access token has ended, and this is why it was not refreshed.
    refresh_error: str | None = None
    checked_at: datetime | None = None
    error_detail: str | None = None
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A status, why it is so, and the next step, both in words for people. `since`: of an error."""

    status: Status
    reason: str
    step: NextStep
    next_step: str
    since: datetime | None = None


def status_of(facts: Facts) -> StatusReport:
    """Return how an integration with these facts is doing: what stands first is decided first."""
    if not facts.is_enabled:
        return StatusReport(
            Status.INACTIVE,
            "It was switched off: nothing is sent through it.",
            NextStep.ENABLE,
            "Switch it on to use it again.",
        )
    if facts.is_unreadable:
        return StatusReport(
            Status.ERROR,
            "Its credentials cannot be read: they were sealed with a key that is no longer configured, or changed in"
            " the database.",
            NextStep.FILL_IN,
            "Write the credentials again, or have the operator restore the key in ENCRYPTION_KEYS_PREVIOUS.",
        )
    if facts.missing:
        return StatusReport(
            Status.PENDING_SETUP,
            f"Something is missing: {', '.join(facts.missing)}.",
            NextStep.FILL_IN,
            "Fill in what is missing.",
        )
    if facts.uses_oauth:
        waiting = _connection_report(facts)
        if waiting is not None:
            return waiting
    if facts.failing_since is not None:
        return StatusReport(
            Status.ERROR,
            facts.error_detail or "The last call failed.",
            NextStep.TEST,
            "Check the credentials and the address, then test it.",
            facts.failing_since,
        )
    if facts.checked_at is None:
        return StatusReport(Status.ACTIVE, "It is set up, and was not tested yet.", NextStep.TEST, "Test it.")
    return StatusReport(Status.ACTIVE, "The last call succeeded.", NextStep.NONE, "")


def _connection_report(facts: Facts) -> StatusReport | None:
    """Return what keeps an integration from working that is not connected; None for one that is."""
    if facts.connection_state == "needs_reconnect":
        return StatusReport(
            Status.ERROR,
            facts.connection_reason or "The provider ended the connection.",
            NextStep.RECONNECT,
            "Reconnect it: its settings, and everything that uses it, stay.",
        )
    if facts.connection_state == "app_refused":
        return StatusReport(
            Status.ERROR,
            facts.connection_reason or "The provider refuses the app that it is connected through.",
            NextStep.ADD_APP if facts.uses_apps else NextStep.FILL_IN,
            "Correct the app's client id and secret. The connection goes on by itself then.",
        )
    if facts.refresh_error is not None:
        return StatusReport(
            Status.ERROR,
            f"The access token has ended, and was not refreshed yet: {facts.refresh_error}",
            NextStep.NONE,
            "Nothing: it is tried again every few minutes.",
        )
    if facts.connection_state is not None:
        return None
    if not facts.has_app:
        return StatusReport(
            Status.PENDING_SETUP,
            "There is no app to connect through: neither your team nor the operator has added one.",
            NextStep.ADD_APP,
            "Register an app with the provider, and add its client id and secret.",
        )
    return StatusReport(
        Status.PENDING_SETUP,
        "Nobody has connected it yet.",
        NextStep.CONNECT,
        "Connect it: the provider asks for your consent.",
    )
