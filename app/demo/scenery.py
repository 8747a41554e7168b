"""The members, webhooks, event types and keys of the demo team. Pure data."""

import random
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from app.events.catalogue import BUILT_IN
from app.web.permissions import Role

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

OWNER_EMAIL = "demo@signalbox.test"
OWNER_NAME = "Dana Demo"
TEAM_NAME = "Acme Social"

#: Name, address, role of the owner's colleagues.
COLLEAGUES = (
    ("Bob Okafor", "bob@signalbox.test", Role.ADMIN),
    ("Mel Lindqvist", "mel@signalbox.test", Role.MEMBER),
    ("Vic Moreau", "vic@signalbox.test", Role.VIEWER),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A webhook of the demo team. `story` names what happens to its deliveries, see `history`."""

    key: str
    name: str
    url: str
    event_types: tuple[str, ...]
    story: str
    status: str = "active"
    status_reason: str | None = None
    address: str = "127.0.0.1:{port}"
    usual_ms: float = 12.0
    headers: tuple[tuple[str, str], ...] = ()
    max_retries: int = 3
    first_retry_s: int = 10
    retry_multiplier: float = 2.0
    timeout_s: int = 15

    @property
    def is_local(self) -> bool:
        """Whether it points at the demo receiver, which really answers."""
        return self.url.startswith("http://127.0.0.1")


SCENES = (
    Scene(
        "receiver",
        "Demo receiver",
        "http://127.0.0.1:{port}/ok",
        ("*",),
        "fine",
        usual_ms=4,
    ),
    Scene(
        "warehouse",
        "Analytics warehouse",
        "https://ingest.warehouse.example/v1/acme/events",
        ("post.*", "campaign.*"),
        "fine",
        address="203.0.113.24:443",
        usual_ms=86,
        headers=(("X-Api-Token", "wh-ingest-4f1c9a"), ("X-Source", "acme-social")),
    ),
    Scene(
        "crm",
        "CRM sync",
        "http://127.0.0.1:{port}/flaky",
        ("message.received", "mention.received", "lead.created"),
        "flaky",
        usual_ms=38,
    ),
    Scene(
        "support",
        "Support desk",
        "http://127.0.0.1:{port}/status/503?retry_after=20",
        ("alert.triggered", "conversation.assigned"),
        "failing",
        usual_ms=55,
        first_retry_s=60,
        retry_multiplier=3.0,
    ),
    Scene(
        "reports",
        "Weekly reports (old)",
        "https://reports.acme.example/hooks/signalbox",
        ("post.published", "report.ready"),
        "paused",
        status="paused",
        status_reason="Paused by Bob Okafor.",
        address="198.51.100.7:443",
        usual_ms=140,
    ),
    Scene(
        "zapier",
        "Lead form in Zapier",
        "https://hooks.zapier.example/hooks/catch/19284/b2kqz/",
        ("lead.created", "approval.*"),
        "gone",
        status="disabled",
        status_reason="The receiver answered 410 Gone.",
        address="192.0.2.61:443",
        usual_ms=210,
    ),
)


@dataclass(frozen=True, slots=True)
class OwnType:
    """An event type of the demo team's own."""

    name: str
    description: str
    example: dict[str, Any] = field(default_factory=dict)


OWN_TYPES = (
    OwnType(
        "lead.created",
        "Somebody left their address in a form of a landing page.",
        {
            "lead_id": "lead_7f2k9",
            "name": "Priya Raman",
            "email": "priya.raman@example.com",
            "source": "linkedin",
            "score": 71,
        },
    ),
    OwnType(
        "report.ready",
        "A scheduled report was made and can be fetched.",
        {"report_id": "rep_2210", "title": "Week 46", "pages": 14, "format": "pdf"},
    ),
)

#: Name and scopes of the demo team's API keys.
API_KEYS = (
    ("Production backend", ("events:write",)),
    ("Grafana, read only", ("events:read", "webhooks:read")),
)

#: How often each event type happens, relative to the others.
FREQUENCIES = {
    "post.scheduled": 9,
    "post.published": 12,
    "post.failed": 1,
    "mention.received": 14,
    "message.received": 16,
    "conversation.assigned": 9,
    "alert.triggered": 3,
    "campaign.started": 1,
    "campaign.completed": 1,
    "approval.requested": 3,
    "approval.completed": 3,
    "lead.created": 5,
    "report.ready": 1,
}

_TITLES = (
    "Five things we learned from 2,000 support tickets",
    "Meet the team behind the new scheduler",
    "What changed in our pricing, and why",
    "A quieter inbox: how triage works now",
    "Behind the scenes of our autumn campaign",
    "We are hiring: two people for customer care",
)
_PEOPLE = ("Amara Osei", "Tomasz Kowalski", "Priya Raman", "Jonas Berg", "Lucía Fernández", "Noor Haddad")
_CHANNELS = ("linkedin", "instagram", "x", "facebook", "mastodon", "tiktok")


def event_data(event_type: str, rng: random.Random) -> dict[str, Any]:
    """Return the data of an event of this type: its example, with other people, titles and numbers."""
    own = {known.name: known.example for known in OWN_TYPES}
    example = own[event_type] if event_type in own else BUILT_IN[event_type].example
    return {name: _vary(part, rng, name) for name, part in example.items()}


def _vary(value: Json, rng: random.Random, key: str = "") -> Json:
    if isinstance(value, dict):
        return {name: _vary(part, rng, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_vary(part, rng, key) for part in value]
    if isinstance(value, str):
        return _vary_text(value, rng, key)
    if isinstance(value, int) and not isinstance(value, bool) and value > 1:
        return rng.randint(max(1, value // 2), value * 2)
    return value


def _vary_text(value: str, rng: random.Random, key: str) -> str:
    if key == "title":
        return rng.choice(_TITLES)
    if key == "name":
        return rng.choice(_PEOPLE)
    if key == "channel":
        return rng.choice(_CHANNELS)
    if key.endswith("id") and "_" in value:
        return f"{value.partition('_')[0]}_{rng.randrange(16**8):08x}"
    return value
