"""`/api/v1/integrations/<id>/messages`: messages to Slack."""

from app.idempotency.api import idempotent
from app.integrations.api.blueprint import integrations_api
from app.integrations.schemas.integrations import IntegrationPath
from app.integrations.schemas.messages import MessageIn, MessageOut
from app.integrations.services.messages import post_message
from app.lib.errors import NotFound
from app.web.access import principal, require
from app.web.schemas import Problem


def _lost(_object_id: str) -> MessageOut:
    raise NotFound("What became of the message is not known (any more). Look in Slack.")


@integrations_api.post(
    "/integrations/<integration_id>/messages",
    summary="Post a message",
    responses={200: MessageOut, 409: Problem},
)
@require("integrations:call")
@idempotent(MessageOut, status=200, replay=_lost)
def send_message(path: IntegrationPath, body: MessageIn) -> tuple[MessageOut, int]:
    """Post a message to Slack; 200 also where Slack refuses it: `posted` says so, `error` in Slack's own word.

    It is sent once. With an `Idempotency-Key` a repetition returns what became of the first, and never posts again.
    """
    return MessageOut.of(post_message(principal().team_id, path.integration_id, body.channel, body.text)), 200
