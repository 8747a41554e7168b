"""The event types that Signalbox knows from the start: those of a team's product, and its own operational ones."""

from dataclasses import dataclass
from typing import Any

OPERATIONAL_PREFIX = "signalbox."
OWN = "Your own"


@dataclass(frozen=True, slots=True)
class KnownType:
    """An event type that can be emitted or subscribed to. `example` is the `data` of an example event."""

    name: str
    category: str
    description: str
    example: dict[str, Any]
    is_own: bool = False

    @property
    def is_operational(self) -> bool:
        """Whether only Signalbox itself emits it."""
        return self.name.startswith(OPERATIONAL_PREFIX)


_TYPES = (
    KnownType(
        "post.scheduled",
        "Posts",
        "A post was given a time at which it goes out.",
        {
            "post_id": "post_01k9zq4w6v",
            "title": "Five things we learned from 2,000 support tickets",
            "channels": ["linkedin", "x"],
            "author": {"id": "agent_17", "name": "Amara Osei"},
            "scheduled_for": "2026-03-12T08:30:00Z",
        },
    ),
    KnownType(
        "post.published",
        "Posts",
        "A post went out on a channel and can be seen there.",
        {
            "post_id": "post_01k9zq4w6v",
            "title": "Five things we learned from 2,000 support tickets",
            "channel": "linkedin",
            "author": {"id": "agent_17", "name": "Amara Osei"},
            "published_at": "2026-03-12T08:30:04Z",
            "permalink": "https://www.linkedin.com/feed/update/urn:li:share:7171717",
        },
    ),
    KnownType(
        "post.failed",
        "Posts",
        "A channel refused a post, or could not be reached at its time.",
        {
            "post_id": "post_01k9zq4w6v",
            "channel": "x",
            "scheduled_for": "2026-03-12T08:30:00Z",
            "failed_at": "2026-03-12T08:30:11Z",
            "error": {"code": "channel_token_expired", "message": "The channel must be connected again."},
            "is_retryable": False,
        },
    ),
    KnownType(
        "mention.received",
        "Conversations",
        "Somebody mentioned the brand on a channel that is listened to.",
        {
            "mention_id": "mention_88213",
            "channel": "x",
            "author": {"handle": "@priya_builds", "followers": 4180},
            "text": "Moved our whole team to @acme last week and nobody has asked to go back.",
            "sentiment": "positive",
            "url": "https://x.com/priya_builds/status/1767505050505",
            "received_at": "2026-03-12T09:14:52Z",
        },
    ),
    KnownType(
        "message.received",
        "Conversations",
        "A customer wrote a direct message.",
        {
            "message_id": "msg_40917",
            "conversation_id": "conv_5523",
            "channel": "instagram",
            "customer": {"id": "cust_9012", "name": "Jonas Lindqvist"},
            "text": "Hi! My order 10443 shows as delivered but nothing has arrived.",
            "attachments": [],
            "received_at": "2026-03-12T09:20:31Z",
        },
    ),
    KnownType(
        "conversation.assigned",
        "Conversations",
        "A conversation was given to an agent or a team.",
        {
            "conversation_id": "conv_5523",
            "assigned_to": {"type": "agent", "id": "agent_31", "name": "Lucía Fernández"},
            "assigned_by": {"type": "rule", "id": "rule_7", "name": "Delivery questions"},
            "previous_assignee": None,
            "priority": "high",
            "assigned_at": "2026-03-12T09:20:33Z",
        },
    ),
    KnownType(
        "alert.triggered",
        "Monitoring",
        "A rule that watches mentions or numbers passed its threshold.",
        {
            "alert_id": "alert_302",
            "rule": {"id": "rule_19", "name": "Negative mentions per hour"},
            "severity": "critical",
            "value": 42,
            "threshold": 25,
            "window_minutes": 60,
            "triggered_at": "2026-03-12T10:02:00Z",
        },
    ),
    KnownType(
        "campaign.started",
        "Campaigns",
        "The first post of a campaign went out.",
        {
            "campaign_id": "camp_spring_26",
            "name": "Spring launch",
            "channels": ["linkedin", "x", "instagram"],
            "post_count": 24,
            "owner": {"id": "agent_17", "name": "Amara Osei"},
            "started_at": "2026-03-16T07:00:00Z",
            "ends_at": "2026-03-30T21:59:59Z",
        },
    ),
    KnownType(
        "campaign.completed",
        "Campaigns",
        "A campaign reached its end; its totals are final.",
        {
            "campaign_id": "camp_spring_26",
            "name": "Spring launch",
            "completed_at": "2026-03-30T22:00:00Z",
            "totals": {"posts": 24, "impressions": 182_450, "engagements": 9_310, "link_clicks": 2_207},
        },
    ),
    KnownType(
        "approval.requested",
        "Approvals",
        "Somebody asked for approval before a post or a reply goes out.",
        {
            "approval_id": "appr_615",
            "subject": {"type": "post", "id": "post_01k9zq4w6v"},
            "requested_by": {"id": "agent_17", "name": "Amara Osei"},
            "approvers": [{"id": "agent_4", "name": "Tomasz Kowalski"}],
            "due_at": "2026-03-11T17:00:00Z",
            "note": "Legal asked to look at the second paragraph.",
        },
    ),
    KnownType(
        "approval.completed",
        "Approvals",
        "An approval was given or refused.",
        {
            "approval_id": "appr_615",
            "subject": {"type": "post", "id": "post_01k9zq4w6v"},
            "decision": "approved",
            "decided_by": {"id": "agent_4", "name": "Tomasz Kowalski"},
            "comment": None,
            "completed_at": "2026-03-11T15:42:10Z",
        },
    ),
    KnownType(
        "signalbox.webhook.failing",
        "Signalbox",
        "Several deliveries to a webhook failed in a row; it will be disabled if this goes on.",
        {
            "webhook_id": "wh_01k9zq5b2n8m4t7c3x6v9d0r1s",
            "name": "Order desk",
            "url": "https://orders.example.com/hooks",
            "consecutive_failures": 5,
            "last_error": "http_5xx",
        },
    ),
    KnownType(
        "signalbox.webhook.disabled",
        "Signalbox",
        "Signalbox stopped sending to a webhook; what is due for it waits until somebody resumes it.",
        {
            "webhook_id": "wh_01k9zq5b2n8m4t7c3x6v9d0r1s",
            "name": "Order desk",
            "url": "https://orders.example.com/hooks",
            "consecutive_failures": 10,
            "last_error": "timeout_first_byte",
            "reason": "10 deliveries in a row failed.",
        },
    ),
    KnownType(
        "signalbox.integration.needs_reconnect",
        "Signalbox",
        "The connection of an integration ended; calls through it are refused until somebody reconnects it.",
        {
            "integration_id": "int_01k9zq4w6v3m8t7c5x2b9d0r1s",
            "name": "Sales CRM",
            "provider": "hubspot",
            "reason_code": "invalid_grant",
            "reason": "HubSpot ended the connection: the refresh token is not valid any more.",
            "ended_at": "2026-03-11T15:42:10+00:00",
        },
    ),
    KnownType(
        "signalbox.integration.reconnected",
        "Signalbox",
        "The connection of an integration works again, after it had ended.",
        {
            "integration_id": "int_01k9zq4w6v3m8t7c5x2b9d0r1s",
            "name": "Sales CRM",
            "provider": "hubspot",
            "reconnected_at": "2026-03-11T16:05:31+00:00",
        },
    ),
    KnownType(
        "signalbox.api_key.expiring",
        "Signalbox",
        "An API key stops working within a week; programs that use it need a new one.",
        {
            "api_key_id": "key_01k9zq6m4p8s2v5y7b0d3f6h9k",
            "name": "Order service",
            "masked": "sb_live_4fG7kQ2mWx9Z_…",
            "expires_at": "2026-03-18T23:59:59+00:00",
            "days_left": 6,
        },
    ),
    KnownType(
        "signalbox.integration.failed",
        "Signalbox",
        "Calls through an integration began to fail: its service refuses the credentials, fails or cannot be reached.",
        {
            "integration_id": "int_01k9zq7n3q9t5w8x1c4e6g0j2m",
            "name": "Help desk",
            "provider": "zendesk",
            "error_kind": "http_401",
            "error_detail": "The service refused the credentials: it answered 401.",
            "failing_since": "2026-03-12T08:30:00+00:00",
        },
    ),
    KnownType(
        "signalbox.integration.recovered",
        "Signalbox",
        "A call through an integration succeeded again; it says what had failed, and for how long.",
        {
            "integration_id": "int_01k9zq7n3q9t5w8x1c4e6g0j2m",
            "name": "Help desk",
            "provider": "zendesk",
            "error_kind": "http_401",
            "error_detail": "The service refused the credentials: it answered 401.",
            "failing_since": "2026-03-12T08:30:00+00:00",
            "failed_for_s": 1260,
        },
    ),
    KnownType(
        "signalbox.test",
        "Signalbox",
        "A test sent by hand, to see that a receiver gets and verifies what Signalbox sends.",
        {"message": "This is a test event from Signalbox. No action is needed."},
    ),
)

#: By name, in the order in which pages list them.
BUILT_IN: dict[str, KnownType] = {known.name: known for known in _TYPES}

TEST_TYPE = "signalbox.test"
