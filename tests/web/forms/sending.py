"""Sends forms as a browser does: with everything that the form on the page holds."""

from collections.abc import Mapping
from typing import Any

from werkzeug.test import TestResponse

from tests.page import Page
from tests.people import Person, Visitor

HIDDEN = ("csrf_token", "form_token", "form_version")


def hidden_fields(page: Page, url: str, action: str, who: Person | Visitor | None = None) -> dict[str, str]:
    """Open the page; return what its form to `action` carries unseen."""
    form = page.get(url, who).form(action)
    fields = {control.get("name", ""): control.get("value", "") for control in form.iter("input")}
    return {name: fields[name] for name in HIDDEN if name in fields}


def send(
    who: Person | Visitor, action: str, fields: Mapping[str, Any], hidden: Mapping[str, str]
) -> TestResponse:
    """Send a form with exactly these fields."""
    client = who.visitor.client if isinstance(who, Person) else who.client
    return client.post(action, data={**fields, **hidden})
