"""Sends forms as a browser does: with everything that the form on the page holds."""

from collections.abc import Mapping
from typing import Any

from werkzeug.test import TestResponse

from tests.page import Page
from tests.people import Person, Visitor

#: What is typed into the form of a webhook, and of an API key.
WEBHOOK: dict[str, Any] = {
    "name": "Order desk",
    "url": "https://orders.example.com/hooks",
    "event_types": ["post.*"],
    "headers": "",
    "max_retries": "3",
    "first_retry_s": "10",
    "retry_multiplier": "2",
    "timeout_s": "15",
}
KEY: dict[str, Any] = {
    "name": "orders",
    "kind": "test",
    "scopes": ["events:write"],
    "expiry": "30",
    "per_hour": "1000",
    "per_day": "10000",
}
HIDDEN = ("csrf_token", "form_token", "form_version")


def hidden_fields(page: Page, url: str, action: str, who: Person | Visitor | None = None) -> dict[str, str]:
    """Open the page; return the hidden fields of its form to `action`."""
    form = page.get(url, who).form(action)
    fields = {control.get("name", ""): control.get("value", "") for control in form.iter("input")}
    return {name: fields[name] for name in HIDDEN if name in fields}


def send(
    who: Person | Visitor, action: str, fields: Mapping[str, Any], hidden: Mapping[str, str]
) -> TestResponse:
    """Send a form with exactly these fields."""
    client = who.visitor.client if isinstance(who, Person) else who.client
    return client.post(action, data={**fields, **hidden})


def copy_of(visitor: Visitor) -> Visitor:
    """Return another browser with a copy of the session cookie: what a browser sends while it waits for an answer."""
    copy = Visitor(visitor.client.application.test_client())
    cookie = visitor.client.get_cookie("signalbox_session")
    assert cookie is not None
    copy.client.set_cookie("signalbox_session", cookie.value)
    return copy
