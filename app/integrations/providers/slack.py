"""Slack: messages and the Web API, with OAuth, a bot token, or an incoming webhook.

Scopes are separated by commas, those of the person who connects stand in `user_scope`, and their token in
`authed_user`. Errors come with 200 and `ok: false`. A challenge (PKCE) would make the app a public client for good. Refresh
tokens exist only for apps that turned token rotation on; without it a token has no end.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.integrations.readers import refuse_error, spaced, text_at
from app.integrations.spec import (
    AuthMethod,
    Category,
    Check,
    Field,
    HeaderAuth,
    IntegrationType,
    NoAuth,
    OAuth,
    OAuthAuth,
    Pkce,
    Provider,
    Refused,
    RevocationRequest,
    Scope,
)

_ERRORS = {
    "invalid_code": "invalid_grant",
    "code_already_used": "invalid_grant",
    "invalid_refresh_token": "invalid_grant",
    "token_expired": "invalid_grant",
    "token_revoked": "invalid_grant",
    "bad_client_secret": "invalid_client",
    "invalid_client_id": "invalid_client",
    "ratelimited": "temporarily_unavailable",
    "internal_error": "temporarily_unavailable",
    "fatal_error": "temporarily_unavailable",
}


def _refuse_not_ok(answer: Any) -> None:  # noqa: ANN401 - foreign JSON
    if not isinstance(answer, Mapping) or answer.get("ok") is not True:
        refuse_error(answer if isinstance(answer, Mapping) else {}, _ERRORS)
        raise Refused("Slack did not say that it worked.")


def _answer(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    _refuse_not_ok(answer)
    person = answer.get("authed_user")
    # The bot's token stands at the top; without a bot there is the token of the person alone.
    granted = (
        answer if answer.get("access_token") or not isinstance(person, Mapping) else {**answer, **person}
    )
    scope = spaced(granted.get("scope"))
    return {**granted, "token_type": "Bearer", "scope": scope}


def _account(answer: Any) -> str | None:  # noqa: ANN401 - foreign JSON
    _refuse_not_ok(answer)
    return text_at("team")(answer)


PROVIDER = Provider(
    slug="slack",
    name="Slack",
    type=IntegrationType.SLACK,
    category=Category.COMMUNICATION,
    summary="Team chat: post messages to channels and call the Web API.",
    abilities=(
        "Post a message to a channel when something happens.",
        "Call any method of the Web API that the granted scopes allow.",
    ),
    website="https://slack.com",
    colour="#4a154b",
    base_url="https://slack.com/api",
    auth_methods=(
        AuthMethod(
            slug="oauth",
            label="Slack app (OAuth)",
            placement=OAuthAuth(),
            fields=(
                Field(
                    name="user_scope",
                    label="Scopes for acting as the person who connects",
                    is_required=False,
                    help="Leave it empty to act as the app's bot. Several scopes are separated by commas.",
                    placeholder="chat:write",
                ),
            ),
        ),
        AuthMethod(
            slug="token",
            label="Bot token",
            placement=HeaderAuth("Bearer {token}"),
            fields=(
                Field(
                    name="token",
                    label="Bot user OAuth token",
                    kind="secret",
                    help="The token of an app that is installed in your workspace.",
                    where="api.slack.com/apps → your app → OAuth & Permissions.",
                ),
            ),
        ),
        AuthMethod(
            slug="webhook",
            label="Incoming webhook",
            placement=NoAuth(),
            note="It posts to one channel and can do nothing else.",
            fields=(
                Field(
                    name="webhook_url",
                    label="Webhook address",
                    kind="secret",
                    form="url",
                    help="Whoever knows this address can post to the channel.",
                    where="api.slack.com/apps → your app → Incoming Webhooks.",
                    placeholder="https://hooks.slack.com/services/…",
                ),
            ),
            base_url="{webhook_url}",
            check=Check(
                proves="The address is valid, and its channel takes messages.",
                url="{base_url}",
                method="POST",
                headers={"Content-Type": "application/json"},
                body='{"text": "Signalbox can post to this channel."}',
                expected=(200,),
                sends="A message in the webhook's channel.",
            ),
        ),
    ),
    check=Check(
        proves="The token is valid, and of which workspace.",
        url="{base_url}/auth.test",
        method="POST",
        read=_account,
    ),
    oauth=OAuth(
        authorization_url="https://slack.com/oauth/v2/authorize",
        token_url="https://slack.com/api/oauth.v2.access",
        pkce=Pkce.OFF,
        scope_separator=",",
        scopes=(
            Scope("chat:write", "Posts messages to channels that the app was invited to."),
            Scope("chat:write.public", "Posts to public channels without an invitation.", is_default=False),
            Scope("channels:read", "Lists public channels, to choose one by its name.", is_default=False),
            Scope("users:read", "Finds the people to mention.", is_default=False),
        ),
        authorization_parameters={"user_scope": "{user_scope}"},
        read_answer=_answer,
        rotates=True,
        revocation=RevocationRequest(url="https://slack.com/api/auth.revoke", read=_refuse_not_ok),
        revocation_help="Slack → Tools & settings → Manage apps → the app → Configuration → Remove app.",
    ),
    setup_url="https://api.slack.com/apps",
    setup_steps=(
        "Choose Create New App → From scratch, and the workspace.",
        "Under OAuth & Permissions, paste the redirect address below and add the bot token scopes listed here.",
        "Leave PKCE off: turning it on cannot be undone and takes the secret away.",
        "Copy the client id and the client secret from Basic Information.",
    ),
    verified_on=date(2026, 11, 21),
    source_urls=(
        "https://docs.slack.dev/authentication/installing-with-oauth",
        "https://docs.slack.dev/authentication/using-token-rotation",
        "https://api.slack.com/methods/auth.revoke",
        "https://docs.slack.dev/tools/node-slack-sdk/reference/web-api/type-aliases/OauthV2AccessResponse",
    ),
)
