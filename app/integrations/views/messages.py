"""Posting a message through an integration with Slack, with a preview."""

from flask import Response, flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.integrations.forms import MessageForm
from app.integrations.queries.integrations import get_integration
from app.integrations.services.messages import PostedMessage, post_message, takes_channel, takes_messages
from app.integrations.slack_messages import TEXT_MAX_CHARS, spans_of
from app.integrations.views.blueprint import integrations
from app.lib.errors import NotFound, SignalboxError
from app.web.access import current_team, require
from app.web.forms import keeps_input, runs_once
from app.web.rendering import redirect_after, render, retry_later

_REFUSED = 422


@integrations.get("/<integration_id>/message")
@require("integrations:call")
def message(integration_id: str) -> BaseResponse:
    """Show the form of a message."""
    return _page(integration_id, MessageForm(formdata=None))


@integrations.post("/<integration_id>/message")
@require("integrations:call")
@keeps_input(MessageForm)
@runs_once
def send_message(integration_id: str) -> BaseResponse:
    """Post the message, or show how it will look when that is asked for."""
    form = MessageForm()
    if request.form.get("action") == "preview":
        return _page(integration_id, form)
    try:
        posted = post_message(
            current_team().id, integration_id, str(form.channel.data or ""), str(form.text.data or "")
        )
    except NotFound:
        raise
    except SignalboxError as error:
        form.take_errors(error)
        return retry_later(_page(integration_id, form, http_status=error.status), error)
    if not posted.posted:
        return _page(integration_id, form, refusal=posted, http_status=_REFUSED)
    flash(posted.words, "success")
    return redirect_after(url_for(".message", integration_id=integration_id))


@integrations.post("/<integration_id>/message/preview")
@require("integrations:call")
def preview_message(integration_id: str) -> Response:
    """Return how the text of the form will look: asked for while somebody types."""
    get_integration(current_team().id, integration_id)
    text = request.form.get("text", "")[:TEXT_MAX_CHARS]
    return render("integrations/messages/_preview.html", spans=list(spans_of(text)))


def _page(
    integration_id: str, form: MessageForm, *, refusal: PostedMessage | None = None, http_status: int = 200
) -> BaseResponse:
    integration = get_integration(current_team().id, integration_id)
    if not takes_messages(integration):
        flash("Messages are posted through integrations with Slack.", "error")
        return redirect_after(url_for(".show", integration_id=integration_id))
    text = str(form.text.data or "")[:TEXT_MAX_CHARS]
    return render(
        "integrations/messages/message.html",
        fragment="integrations/messages/_form.html",
        target="message-form",
        status=http_status,
        integration=integration,
        form=form,
        takes_channel=takes_channel(integration),
        refusal=refusal,
        spans=list(spans_of(text)),
        text_max_chars=TEXT_MAX_CHARS,
    )
