"""Shapes integrations for templates: pictures, statuses in words, next steps as buttons, the fields of the form."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from flask import current_app, url_for

from app.extensions import current_settings
from app.integrations.models import Integration
from app.integrations.queries.integrations import STATUS_LABELS, TYPE_LABELS
from app.integrations.spec import Check, Field, IntegrationType
from app.integrations.status import NextStep, Status, StatusReport
from app.lib.json_text import reindent
from app.lib.redact import MASK
from app.web.shell import asset

_TONES = {
    Status.ACTIVE: "green",
    Status.INACTIVE: "grey",
    Status.ERROR: "red",
    Status.PENDING_SETUP: "orange",
}
_CALLOUTS = {
    Status.ACTIVE: "success",
    Status.INACTIVE: "info",
    Status.ERROR: "danger",
    Status.PENDING_SETUP: "warning",
}


class ShownStatus(NamedTuple):
    """A status in a word, with the colour of its dot and the kind of its callout."""

    label: str
    tone: str
    callout: str


@dataclass(frozen=True, slots=True)
class StepButton:
    """The next step as a button. `is_post`: it is carried out at once; else a link leads to where it is."""

    label: str
    icon: str
    url: str
    is_post: bool = False


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """An answer to a field, on the page: a secret is masked, whether it is there or not is told."""

    label: str
    value: str
    is_secret: bool


def shown_status(report: StatusReport) -> ShownStatus:
    """Return how a status is shown."""
    return ShownStatus(STATUS_LABELS[report.status], _TONES[report.status], _CALLOUTS[report.status])


def type_label(kind: IntegrationType) -> str:
    """Return a type in words."""
    return TYPE_LABELS[kind]


def logo_url(slug: str) -> str:
    """Return the address of a provider's picture, or of a plain one where there is none."""
    path = f"img/providers/{slug}.svg"
    return asset(path if (Path(current_app.static_folder or "") / path).is_file() else "img/integration.svg")


def redirect_address(provider_slug: str) -> str:
    """Return the redirect address of a provider's app, to be registered there exactly so."""
    return f"{current_settings().public_url}/integrations/callback/{provider_slug}"


def step_button(integration: Integration, report: StatusReport) -> StepButton | None:
    """Return what to do next as a button; None where there is nothing to do, or where another part of the page has it."""
    names: dict[str, Any] = {"integration_id": integration.id}
    match report.step:
        case NextStep.ENABLE:
            return StepButton(
                "Switch on", "player-play", url_for("integrations.enable", **names), is_post=True
            )
        case NextStep.FILL_IN:
            return StepButton("Fill in", "pencil", url_for("integrations.edit", **names))
        case NextStep.ADD_APP:
            return StepButton(
                "Add the app", "plus", url_for("integrations.app", provider_slug=integration.provider)
            )
        case NextStep.CONNECT:
            return StepButton("Connect", "plug", f"{url_for('integrations.show', **names)}#connection")
        case NextStep.RECONNECT:
            return StepButton(
                "Reconnect", "plug-connected", f"{url_for('integrations.show', **names)}#connection"
            )
        case NextStep.TEST:
            return StepButton("Test", "flask", f"{url_for('integrations.show', **names)}#test")
        case NextStep.NONE:
            return None


def shown_settings(
    fields: Collection[Field], config: Mapping[str, str], secrets: Collection[str]
) -> list[ShownSetting]:
    """Return the answers to these fields, in their order."""
    return [_shown(asked, config, secrets) for asked in fields]


def _shown(asked: Field, config: Mapping[str, str], secrets: Collection[str]) -> ShownSetting:
    if asked.kind == "secret":
        return ShownSetting(asked.label, MASK if asked.name in secrets else "", is_secret=True)
    value = config.get(asked.name, "")
    return ShownSetting(asked.label, dict(asked.choices).get(value, value), is_secret=False)


def pretty_body(text: str) -> str:
    """Return the text, indented where it is JSON; only white space changes."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return reindent(text)


def curl_of(integration: Integration, check: Check | None) -> str:
    """Return how a program looks at the integration, and tests it where it can be."""
    address = f"{current_settings().public_url}/api/v1/integrations/{integration.id}"
    if check is None:
        return f'curl {address} \\\n  -H "Authorization: Bearer $SIGNALBOX_API_KEY"\n'
    note = f"\n# {check.sends}" if check.sends else ""
    return f'curl -X POST {address}/test \\\n  -H "Authorization: Bearer $SIGNALBOX_API_KEY"{note}\n'
