"""Pages of the templates: which there are, what one makes, and setting it up."""

from flask import Response, flash, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.integrations import presentation
from app.integrations.providers import get_provider
from app.lib.errors import SignalboxError
from app.setup_templates.catalogue import TEMPLATES
from app.setup_templates.forms import TemplateForm
from app.setup_templates.services import Made, get_template, missing_types, set_up_template
from app.web.access import current_team, principal, require
from app.web.forms import keeps_input, runs_once
from app.web.one_time_secrets import lead_to_secret
from app.web.rendering import redirect_after, render
from app.web.schemes import Pages
from app.webhooks.views.webhooks import webhook_page

setup_templates = Pages("setup_templates", __name__, url_prefix="/t/<team>/integrations/templates")


@setup_templates.get("/")
@require("integrations:read")
def index() -> Response:
    """List the templates."""
    return render("setup_templates/index.html", found=TEMPLATES.values(), show=presentation)


@setup_templates.get("/<template_slug>")
@require("integrations:read")
def show(template_slug: str) -> Response:
    """Show what a template makes, before anything is made."""
    return _page(template_slug, TemplateForm(formdata=None))


@setup_templates.post("/<template_slug>")
@require("integrations:write")
@keeps_input(TemplateForm)
@runs_once
def set_up(template_slug: str) -> BaseResponse:
    """Make it, and lead to what is missing: the form of the integration, or the webhook with its secret."""
    form = TemplateForm()
    try:
        made = set_up_template(
            current_team().id, template_slug, str(form.url.data or ""), created_by_id=principal().id
        )
    except SignalboxError as error:
        if error.status == 404:
            raise
        form.take_errors(error)
        return _page(template_slug, form, http_status=error.status)
    flash(_words_of(made), "success")
    if made.webhook is None:
        return redirect_after(url_for("integrations.edit", integration_id=made.integration_id))
    webhook = made.webhook
    return lead_to_secret(
        webhook.webhook_id,
        webhook.secret,
        url=url_for("webhooks.show", webhook_id=webhook.webhook_id),
        page=lambda shown: webhook_page(webhook.webhook_id, shown),
    )


def _words_of(made: Made) -> str:
    parts = [f"event type {name}" for name in made.types]
    if made.webhook is not None:
        parts.append("webhook")
    if made.notification_id is not None:
        parts.append("notification")
    if made.endpoint_id is not None:
        parts.append("endpoint")
    if made.integration_id is not None:
        parts.append("integration")
    words = f"Set up: {', '.join(parts)}."
    if made.integration_id is None:
        return words
    if made.webhook is None:
        return f"{words} Fill in what is missing."
    return f"{words} Copy the webhook's secret here, then fill in what the integration lacks."


def _page(template_slug: str, form: TemplateForm, *, http_status: int = 200) -> Response:
    template = get_template(template_slug)
    missing = missing_types(current_team().id, template)
    return render(
        "setup_templates/show.html",
        fragment="setup_templates/_form.html",
        target="template-form",
        status=http_status,
        template=template,
        form=form,
        missing=missing,
        provider=get_provider(template.integration.provider) if template.integration else None,
        show=presentation,
    )
