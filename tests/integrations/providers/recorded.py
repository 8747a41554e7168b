"""What providers answer, as their documentation shows it: one file each, with made-up values."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.integrations.spec import AuthMethod, Field, Provider

FIXTURES = Path(__file__).parent / "fixtures"
_SAMPLES = {
    "label": "acme",
    "host": "host.example.com",
    "path_segment": "v1",
    "path": "/me",
    "url": "https://hooks.example.com/1",
}


def recorded(provider: Provider) -> dict[str, Any]:
    """Return a provider's fixture; empty without one."""
    file = FIXTURES / f"{provider.slug}.json"
    return dict(json.loads(file.read_text("utf-8"))) if file.exists() else {}


def token_answer(provider: Provider, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a provider's hook makes of an answer of its token endpoint."""
    assert provider.oauth is not None
    return provider.oauth.read_answer(answer) if provider.oauth.read_answer else answer


def values_of(provider: Provider, method: AuthMethod) -> dict[str, str]:
    """Return a value for every name that is known once an integration is set up, and connected where it is to be."""
    fixture = recorded(provider)
    values = {asked.name: _sample(asked) for asked in (*provider.fields, *method.fields)}
    values |= {name: value for name, value in fixture.get("configuration", {}).items() if value}
    if provider.oauth is not None and method.slug == "oauth":
        answer = token_answer(provider, fixture["token"])
        values |= fixture.get("kept", {}) | fixture.get("details", {}).get("kept", {})
        values |= {name: answer[name] for name in provider.oauth.answer_names}
        values |= {"access_token": "at", "client_id": "id", "client_secret": "secret", "token": "at"}
    return values


def _sample(asked: Field) -> str:
    if asked.kind == "url":
        return "https://service.example.com"
    return asked.default or _SAMPLES.get(asked.form, "sample")
